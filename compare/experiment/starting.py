"""Starts the workers of a seed's launches, builds their models, and checks that all run alike."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from compare.config import RunConfig
from compare.cpus import allowed_cpus, usable_cpus
from compare.experiment.launches import Expected, LiveLaunch, act_or_end, side_by_side
from compare.observation import observe
from compare.processes.conditions import Conditions
from compare.processes.fairness import unfair
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.protocol import messages
from compare.records.results import Launch, file_stem
from compare.variants import VARIANTS_BY_NAME


def start_all(
    launches: list[LiveLaunch], config: RunConfig, expected: Expected, weights_path: Path, stack: ExitStack
) -> None:
    """Start a worker for every launch. Import the frameworks and build the models, with one CPU for each."""
    directory = weights_path.parent
    act = partial(set_up, config=config, expected=expected, weights_path=weights_path)
    for first in range(0, len(launches), usable_cpus()):
        together = launches[first : first + usable_cpus()]
        for launch in together:  # in this thread: Linux ends a worker with the thread that started it
            act_or_end(launch, partial(start, launch, config, weights_path, stack), directory)
        side_by_side(together, act, directory)


def start(launch: LiveLaunch, config: RunConfig, weights_path: Path, stack: ExitStack) -> None:
    entrant, framework = launch.entrant, launch.entrant.framework
    conditions, python = config.entrant_conditions(entrant), config.python(framework)
    log_path = weights_path.parent / f"{file_stem(launch.run)}.log"
    launch.worker = (
        conditions.launch_ranks(framework, entrant.ranks, log_path, name=entrant.label, python=python)
        if entrant.ranks
        else conditions.launch(framework, log_path, name=entrant.label, python=python)
    )
    stack.enter_context(launch.worker)


def set_up(launch: LiveLaunch, config: RunConfig, expected: Expected, weights_path: Path) -> None:
    """Set the worker up, and record the values that it reads back."""
    entrant, run = launch.entrant, launch.run
    assert launch.worker is not None
    conditions = config.entrant_conditions(entrant)
    request = conditions.set_up(
        entrant.framework,
        entrant.place or entrant.variant.place(config.dtype),
        config.spec(),
        weights_path,
        dtype=config.dtype,
        seed=run.seed,
        data_dir=config.data_dir,
    )
    ready = launch.worker.request(request, messages.Ready, config.timeout)
    note_ready(run, ready)
    if ready.data_sha256 != expected.data_sha256:
        launch.end("failed", f"{run.label} read another data set than the parent did")
    elif reason := unfair_in(launch.worker, ready, conditions):
        python = f"--{entrant.framework}-python"
        launch.end(
            "failed", f"{run.label} would not be measured fairly: {reason}. Check what {python} starts"
        )


def unfair_in(worker: Worker | Group, ready: messages.Ready, conditions: Conditions) -> str | None:
    """Return the first thing in which a process, of a group each in turn, is not as the others are."""
    for rank, own in enumerate(worker.ready if isinstance(worker, Group) else [ready]):
        reason = unfair(
            own,
            environment=replace(conditions, rank=rank).environment(),
            cpu_affinity=allowed_cpus(),
            niceness=observe(os.nice, 0),
            threads=conditions.threads,
        )
        if reason:
            return reason
    return None


def note_ready(run: Launch, ready: messages.Ready) -> None:
    run.import_seconds, run.build_seconds = ready.import_seconds, ready.build_seconds
    run.parameter_count = ready.parameter_count
    run.initial_weights_sha256 = ready.initial_weights_sha256
    runtime = dict(ready.runtime)
    run.threads, run.versions = runtime.pop("threads"), runtime.pop("versions")
    run.device_name = runtime.pop("device_name")
    run.float32_rounding = ready.float32_rounding
    if run.device in VARIANTS_BY_NAME[run.full_label.name].xla:
        runtime["cudnn_autotune"] = None  # XLA tunes by itself
    run.runtime, run.worker_environment = runtime, ready.environment
    run.reason = "interrupted before the first step"
