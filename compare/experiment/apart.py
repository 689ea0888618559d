"""Starts single workers for measurements after the training, set up and checked as those of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compare.config import RunConfig
from compare.cpus import allowed_cpus
from compare.data.mnist import Dataset
from compare.observation import observe
from compare.processes.conditions import Conditions
from compare.processes.fairness import unfair
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.records.job import InferenceRun, InputsRun
from compare.records.results import Launch, Results


@dataclass(frozen=True)
class AfterTraining:
    """A run whose launches have ended. say: shows what is measured now; save: writes the results so far."""

    config: RunConfig
    directory: Path
    dataset: Dataset
    results: Results
    say: Callable[[str], None]
    save: Callable[[], None]

    def eager_run(self, framework: str, seed: int) -> Launch | None:
        """Return the eager launch on the first device, if it ended well; it trained on arrays in memory."""
        wanted = (f"{framework}:eager", seed, self.config.device[0], "ok")
        for run in self.results.runs:
            if (run.label, run.seed, run.device, run.status) == wanted:
                return run
        return None


@dataclass(frozen=True)
class Apart:
    """The settings of a separate worker, in which the Trainer of `module` gets the weights of a file."""

    config: RunConfig
    directory: Path
    conditions: Conditions
    framework: str
    label: str
    seed: int
    module: str
    weights_path: Path

    @contextmanager
    def worker(self, log_name: str) -> Iterator[Worker]:
        """Yield a worker. Raises WorkerFailed or WorkerRefused, also if its set-up differs from the run's."""
        python = self.config.python(self.framework)
        with self.conditions.launch(
            self.framework, self.directory / log_name, name=self.label, python=python
        ) as worker:
            request = self.conditions.set_up(
                self.framework,
                (self.module, "Trainer"),
                self.config.spec(),
                self.weights_path,
                dtype=self.config.dtype,
                seed=self.seed,
                data_dir=self.config.data_dir,
            )
            ready = worker.request(request, messages.Ready, self.config.timeout)
            if reason := unfair(
                ready,
                environment=self.conditions.environment(),
                cpu_affinity=allowed_cpus(),
                niceness=observe(os.nice, 0),
                threads=self.conditions.threads,
            ):
                raise worker.failed(f"{self.label} would not be measured fairly: {reason}")
            yield worker


def noting(run: InputsRun | InferenceRun, directory: Path, act: Callable[[], None]) -> bool:
    """Call `act`, and return whether it did well. A failure ends only this row, with the reason."""
    try:
        act()
    except WorkerRefused as refusal:
        run.status = "unavailable" if refusal.kind in messages.MISSING else "failed"
        run.reason = refusal.beside(directory)
    except WorkerFailed as failure:
        run.reason = failure.beside(directory)
    else:
        return True
    return False
