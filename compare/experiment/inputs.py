"""Times input pipelines (`--inputs`): each feeds the eager step for an epoch, in its own process.

The processes take turns. Those that wait are stopped: otherwise a pipeline that runs ahead would prepare
batches at no cost. A training on other batches, or on other bytes, has other losses: every loss must be that
of the eager launch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np

from compare.config import RunConfig, eager_frameworks, times_chosen
from compare.experiment.apart import AfterTraining, Apart, noting
from compare.experiment.ends import parted_at
from compare.experiment.schedule import rounds, steps_of_block
from compare.findings.job import HEAD_STEPS
from compare.pipelines import PIPELINES_BY_NAME, Pipeline
from compare.processes.launcher import Worker
from compare.protocol import messages
from compare.records.job import InputsRun
from compare.records.results import Launch


def measure_inputs(after: AfterTraining) -> None:
    """Add the missing measurements, seed by seed. A seed that is not whole is measured again."""
    results, labels = after.results, numbered([one.name for one in chosen_pipelines(after.config)])
    for seed in after.config.seed_range():
        there = {run.label for run in results.input_runs if run.seed == seed and run.status == "ok"}
        if not there.issuperset(labels):
            after.say(f"input pipelines, seed {seed}")
            others = [run for run in results.input_runs if run.seed != seed]
            results.input_runs = others + feed_in_turn(after, labels, seed)
            results.input_runs.sort(key=lambda run: (run.seed, labels.index(run.label)))
            after.save()


def chosen_pipelines(config: RunConfig) -> list[Pipeline]:
    held = eager_frameworks(config)
    chosen = [one for one in PIPELINES_BY_NAME.values() if one.framework in held]
    return [one for one in chosen for _ in range(times_chosen(config.inputs, one.name))]


def numbered(names: Sequence[str]) -> list[str]:
    """Return the names, with numbers for repetitions: `torch:tutorial#2`."""
    seen: Counter[str] = Counter()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(f"{name}#{seen[name]}" if seen[name] > 1 else name)
    return labels


def feed_in_turn(after: AfterTraining, labels: Sequence[str], seed: int) -> list[InputsRun]:
    """Return the seed's rows. All workers exist at once, and take turns in blocks of steps.

    While one works, the others are stopped, so that none prepares batches beside its own time.
    """
    config = after.config
    epoch = math.ceil(len(after.dataset.train_labels) / config.batch_size)
    steps = min(epoch, config.steps)
    with ExitStack() as stack:
        fed = [Fed(after, label, seed, steps) for label in labels]
        for one in fed:
            one.attempt(partial(one.start, stack))

        def block_steps(left: int) -> int:
            return steps_of_block([one.run.step_seconds for one in fed if one.worker], left)

        warmup = min(HEAD_STEPS, steps // 2)
        for round_ in rounds(len(fed), steps, warmup_steps=warmup, block_steps=block_steps, seed=seed):
            for one in (fed[index] for index in round_.order):
                one.attempt(partial(one.train, round_.steps))
    return [one.judged() for one in fed]


class Fed:
    """One launch that a pipeline feeds, and its row. worker: None if it has not started, or has failed."""

    def __init__(self, after: AfterTraining, label: str, seed: int, steps: int) -> None:
        pipeline = PIPELINES_BY_NAME[label.partition("#")[0]]
        self.after, self.pipeline, self.steps = after, pipeline, steps
        self.worker: Worker | None = None
        self.run = InputsRun(
            framework=pipeline.framework, label=label, seed=seed, device=after.config.device[0]
        )
        self.eager = after.eager_run(pipeline.framework, seed)

    def attempt(self, act: Callable[[], None]) -> None:
        """Call `act`. A failure ends only this launch."""
        if not noting(self.run, self.after.directory, act):
            self.worker = None

    def start(self, stack: ExitStack) -> None:
        run, config = self.run, self.after.config
        if self.eager is None:
            label = f"{run.framework}:eager"
            run.reason = f"{label} of seed {run.seed} did not finish: there are no losses to compare"
            return
        apart = Apart(
            config,
            self.after.directory,
            config.conditions(run.device),
            run.framework,
            run.label,
            run.seed,
            f"{run.framework}_impl.inputs",
            self.after.directory / f"initial-weights-seed{run.seed}.safetensors",
        )
        stem = run.label.replace(":", "-").replace("#", "-")
        self.worker = stack.enter_context(apart.worker(f"inputs-{stem}-seed{run.seed}.log"))
        self.worker.stop()
        run.reason = "interrupted before the first step"

    def train(self, steps: int) -> None:
        if self.worker is None:
            return
        run, config = self.run, self.after.config
        request = messages.TrainFromInputs(self.pipeline.pipeline, self.steps, steps)
        with self.worker.awake():
            block = self.worker.request(request, messages.TrainedFromInputs, config.timeout)
        run.losses += block.losses
        run.step_seconds += block.step_seconds
        run.alone_seconds += block.alone_seconds
        run.cpu_seconds = (run.cpu_seconds or 0.0) + block.cpu_seconds
        if run.first_batch_seconds is None:
            run.first_batch_seconds = block.first_batch_seconds
        if not steps == len(block.losses) == len(block.step_seconds):
            raise self.worker.failed(
                f"{run.label} did not send a loss and its time for each of {steps} steps"
            )

    def judged(self) -> InputsRun:
        """Return the row, whose losses must be those of the eager launch."""
        run, eager = self.run, self.eager
        if eager is None or not len(run.losses) == len(run.alone_seconds) == self.steps:
            return run
        step = differing_at(run, eager)
        if step is None:
            run.status, run.reason = "ok", None
        else:
            own, expected = run.losses[step], eager.losses[step]
            run.reason = (
                f"its batches are not those of {eager.label}: the loss of step {step} is {own!r}, "
                f"not {expected!r}"
            )
        return run


def differing_at(run: InputsRun, eager: Launch) -> int | None:
    """Return the first step whose loss differs from the eager launch's. On the CPU, every bit counts."""
    expected = eager.losses[: len(run.losses)]
    if run.device != "cpu":
        return parted_at(run.losses, expected)
    differing = np.flatnonzero(np.array(run.losses) != np.array(expected))
    return int(differing[0]) if differing.size else None
