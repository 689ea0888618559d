"""Times input pipelines (`--inputs`): each feeds the eager step for an epoch, in its own process, in turn.

The epoch has no pauses: in a pause, a pipeline that runs ahead would prepare batches at no cost. A training
on other batches, or on other bytes, has other losses: every loss must be that of the eager launch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from compare.config import RunConfig, eager_frameworks, times_chosen
from compare.experiment.apart import AfterTraining, Apart, noting
from compare.experiment.ends import parted_at
from compare.pipelines import PIPELINES_BY_NAME, Pipeline
from compare.protocol import messages
from compare.records.job import InputsRun
from compare.records.results import Launch


def measure_inputs(after: AfterTraining) -> None:
    """Add the missing measurements to the results, seed by seed. Each seed begins with another pipeline."""
    results, labels = after.results, numbered([one.name for one in chosen_pipelines(after.config)])
    results.input_runs = [run for run in results.input_runs if run.status == "ok"]
    there = {(run.label, run.seed) for run in results.input_runs}
    for seed in after.config.seed_range():
        shift = seed % max(1, len(labels))
        for label in labels[shift:] + labels[:shift]:
            if (label, seed) not in there:
                after.say(f"{label}, seed {seed}")
                results.input_runs.append(input_run(after, label, seed))
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


def input_run(after: AfterTraining, label: str, seed: int) -> InputsRun:
    """Return one launch's row, also if it fails."""
    config, pipeline = after.config, PIPELINES_BY_NAME[label.partition("#")[0]]
    framework = pipeline.framework
    run = InputsRun(framework=framework, label=label, seed=seed, device=config.device[0])
    eager = after.eager_run(framework, seed)
    if eager is None:
        run.reason = f"{framework}:eager of seed {seed} did not finish: there are no losses to compare"
        return run
    apart = Apart(
        config,
        after.directory,
        config.conditions(run.device),
        framework,
        label,
        seed,
        f"{framework}_impl.inputs",
        after.directory / f"initial-weights-seed{seed}.safetensors",
    )
    epoch = math.ceil(len(after.dataset.train_labels) / config.batch_size)
    request = messages.TrainFromInputs(pipeline.pipeline, min(epoch, config.steps))
    noting(run, after.directory, partial(feed, run, apart, request, eager))
    return run


def feed(run: InputsRun, apart: Apart, request: messages.TrainFromInputs, eager: Launch) -> None:
    stem = run.label.replace(":", "-").replace("#", "-")
    with apart.worker(f"inputs-{stem}-seed{run.seed}.log") as worker:
        reply = worker.request(request, messages.TrainedFromInputs, apart.config.timeout)
        if not request.steps == len(reply.losses) == len(reply.step_seconds) == len(reply.alone_seconds):
            raise worker.failed(
                f"{run.label} did not send a loss and its times for each of {request.steps} steps"
            )
    run.losses, run.step_seconds, run.alone_seconds = reply.losses, reply.step_seconds, reply.alone_seconds
    run.first_batch_seconds, run.cpu_seconds = reply.first_batch_seconds, reply.cpu_seconds
    step = differing_at(run, eager)
    if step is None:
        run.status, run.reason = "ok", None
    else:
        run.reason = (
            f"its batches are not those of {eager.label}: the loss of step {step} is {run.losses[step]!r}, "
            f"not {eager.losses[step]!r}"
        )


def differing_at(run: InputsRun, eager: Launch) -> int | None:
    """Return the first step whose loss differs from the eager launch's. On the CPU, every bit counts."""
    expected = eager.losses[: len(run.losses)]
    if run.device != "cpu":
        return parted_at(run.losses, expected)
    differing = np.flatnonzero(np.array(run.losses) != np.array(expected))
    return int(differing[0]) if differing.size else None
