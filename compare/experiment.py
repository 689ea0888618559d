"""One run from config to results: data, devices, training seed by seed, comparisons, files."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from compare import machine
from compare.comparisons import compare_runs, warnings_about
from compare.config import Entrant, RunConfig, check, entrants
from compare.data import mnist
from compare.data.download import download
from compare.errors import UserError
from compare.processes import messages
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused, worker_command
from compare.rendering import markdown, tables, terminal
from compare.rendering.progress import TrainingProgress
from compare.results import Results, Run, write_atomically, write_results
from compare.training import train_seed
from compare.variants import FRAMEWORK_NAMES


@dataclass
class Experiment:
    """A checked config, its data set and its directory; `execute` does the work once."""

    config: RunConfig
    dataset: mnist.Dataset
    directory: Path
    entrants: list[Entrant]
    console: Console

    @classmethod
    def prepare(cls, config: RunConfig, console: Console | None = None) -> Experiment:
        """Raises UserError where the options, the data, the devices or the directory will not do."""
        check(config)
        if config.download and config.data_dir is not None:
            download("MNIST", config.data_dir, config.torch_python)
        dataset = mnist.load(config.data_dir, config.spec())
        directory = new_directory(config.out)
        check_devices(config, directory)
        return cls(config, dataset, directory, entrants(config), console or Console(highlight=False))

    def execute(self) -> Results:
        """Trains every seed, printing and writing as it goes. Interrupted, it leaves what was finished."""
        results = Results(config=config_record(self.config, self.dataset), environment=machine.describe())
        self.console.print(terminal.headline(self.config, self.dataset), markup=False)
        with self.progress() as progress:
            for seed in self.config.seed_range():
                for device in self.config.devices():
                    group = [entrant for entrant in self.entrants if entrant.device == device]
                    self.train_group(group, seed, results, progress)
        self.write(results)
        self.console.print(terminal.summary(results, self.console.width))
        self.console.print(f"report    {self.directory / 'report.md'}", markup=False, soft_wrap=True)
        return results

    def progress(self) -> TrainingProgress:
        seeds = self.config.seeds
        steps = {entrant.label: 0 for entrant in self.entrants}
        for entrant in self.entrants:
            steps[entrant.label] += self.config.steps * seeds
        return TrainingProgress(self.console, steps, launches=len(self.entrants) * seeds)

    def train_group(
        self, group: list[Entrant], seed: int, results: Results, progress: TrainingProgress
    ) -> None:
        finished = list(results.runs)

        def save(runs: list[Run]) -> None:
            results.runs = finished + runs
            write_results(results, self.directory)

        try:
            train_seed(self.config, group, seed, self.dataset, self.directory, progress=progress, save=save)
        finally:
            self.write(results)

    def write(self, results: Results) -> None:
        """Everything that is derived from the rows so far, then the rows."""
        results.comparisons = compare_runs(results.runs)
        results.warnings = warnings_about(results)
        write_results(results, self.directory)
        write_atomically(self.directory / "curves.csv", tables.curves_csv(results.runs).encode())
        write_atomically(self.directory / "report.md", markdown.report(results).encode())


def config_record(config: RunConfig, dataset: mnist.Dataset) -> dict[str, Any]:
    """The options as they were used, without paths of this machine, and what they stand for."""
    record: dict[str, Any] = msgspec.to_builtins(dataclasses.asdict(config), enc_hook=str)
    for path in ("out", "data_dir", "tf_python", "torch_python"):
        del record[path]
    record["data"] = {
        "source": dataset.source,
        "sha256": dataset.sha256,
        "train_images": len(dataset.train_labels),
        "test_images": len(dataset.test_labels),
    }
    record["spec"] = dataclasses.asdict(config.spec())
    return record


def new_directory(out: Path | None) -> Path:
    """Creates the run's directory; refuses one that already holds files."""
    if out is None:
        out = Path("runs") / time.strftime("%Y-%m-%dT%H-%M-%S")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise UserError(f"--out: {out} is not empty. Name a new directory, so that no result is lost.")
        if not os.access(out, os.W_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise UserError(
            f"--out: {out} cannot be written to: {error.strerror}. Name a directory that can."
        ) from error
    return out


def check_devices(config: RunConfig, directory: Path) -> None:
    """Raises UserError, a line per framework, where a device other than the CPU cannot be used."""
    reasons = []
    for device in config.devices():
        if device == "cpu":
            continue
        frameworks = dict.fromkeys(e.framework for e in entrants(config) if e.device == device)
        for framework in frameworks:
            if reason := probe(config, framework, device, directory):
                reasons.append(f"{FRAMEWORK_NAMES[framework]}: {reason}")
    if reasons:
        for log in directory.glob("probe-*.log"):
            log.unlink()
        if not any(directory.iterdir()):
            directory.rmdir()
        raise UserError(f"--device {config.device} cannot be used here:\n" + "\n".join(reasons))


def probe(config: RunConfig, framework: str, device: str, directory: Path) -> str | None:
    """Why a framework cannot use a device, or None."""
    try:
        with Worker(
            worker_command(str(config.python(framework)), framework),
            environment=worker_environment(
                os.environ, device=device, threads=config.threads, allocator=config.allocator
            ),
            log_path=directory / f"probe-{framework}-{device}.log",
            name=framework,
        ) as worker:
            probed = worker.request(messages.Probe(framework, device), messages.Probed, config.timeout)
    except (WorkerRefused, WorkerFailed) as error:
        return str(error)
    return probed.unavailable
