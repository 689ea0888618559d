"""Trains one seed's launches together: each in its own process, interleaved block by block."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy

from compare.config import Entrant, RunConfig
from compare.cpus import allowed_cpus, usable_cpus
from compare.data.metrics import accuracy, cross_entropy
from compare.data.mnist import Dataset
from compare.data.weights import initial_weights, weights_digest
from compare.experiment.after_training import explain
from compare.experiment.ends import End, end_of, parted_at, shard_digests
from compare.experiment.schedule import Round, rounds, steps_of_block
from compare.ladder.together import asking
from compare.ladder.tolerances import tolerances
from compare.numbers import count
from compare.observation import observe
from compare.processes.conditions import Conditions
from compare.processes.energy import Energy, meters
from compare.processes.fairness import unfair
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.processes.load import Interference
from compare.processes.replies import arrays_shaped, check_block
from compare.protocol import messages
from compare.records.files import write_atomically
from compare.records.results import Launch, Status, file_stem
from compare.variants import VARIANTS_BY_NAME

WARMUP_STEPS = 20
SAVE_INTERVAL_SECONDS = 2.0
EVALUATION_BATCH_SIZE = 1000
EVALUATION_INTERVAL_STEPS = 20  # with --target-accuracy


class Progress(Protocol):
    """The events of a training that a display receives."""

    def starting(self, labels: list[str], seed: int) -> None: ...
    def trained(self, label: str, steps: int, seconds: float) -> None: ...
    def ended(self, run: Launch, steps_not_done: int) -> None: ...


@dataclass
class LiveLaunch:
    """A worker, or a group of ranks, and the row that it fills."""

    entrant: Entrant
    run: Launch
    worker: Worker | Group | None = None
    live: bool = True  # False once the row has its final status
    told: bool = False  # whether the display has received its end

    def end(self, status: Status, reason: str | None, grace_seconds: float = 0) -> None:
        self.run.status, self.run.reason, self.live = status, reason, False
        self.run.ended = True
        if self.worker is not None:
            self.worker.close(grace_seconds)


@dataclass(frozen=True)
class Expected:
    """Values that the parent computes itself and compares with every worker's values."""

    data_sha256: str
    weights_sha256: str
    end: End
    shards: Mapping[int, list[str]]  # by number of ranks, the digest of each rank's rows of all batches


def train_seed(
    config: RunConfig,
    entrants: list[Entrant],
    seed: int,
    dataset: Dataset,
    directory: Path,
    *,
    progress: Progress,
    save: Callable[[list[Launch]], None],
    complete: bool = True,
) -> list[Launch]:
    """Train one launch of every entrant. All workers exist at once, and one of them trains at a time.

    A failure ends only its own row, with the reason. `save` gets the rows at every start and end, and every
    two seconds in between. complete: judge the end of each launch, and explain its times.
    """
    weights = initial_weights(config.spec(), seed)
    weights_path = directory / f"initial-weights-seed{seed}.safetensors"
    write_atomically(weights_path, safetensors.numpy.save(weights))
    shards = {one.ranks: shard_digests(config, dataset, seed, one.ranks) for one in entrants if one.ranks}
    expected = Expected(dataset.sha256, weights_digest(weights), end_of(config, dataset, seed), shards)
    launches = [LiveLaunch(entrant, new_run(config, entrant, seed)) for entrant in entrants]
    runs = [launch.run for launch in launches]

    def save_and_tell() -> None:
        save(runs)
        for launch in launches:
            if launch.run.ended and not launch.told:
                progress.ended(launch.run, config.steps - len(launch.run.losses))
                launch.told = True

    with ExitStack() as stack:
        progress.starting([launch.entrant.label for launch in launches], seed)
        start_all(launches, config, expected, weights_path, stack)
        save_and_tell()
        saved = time.monotonic()
        for round_ in schedule(config, runs, seed):
            for launch in (launches[index] for index in round_.order):
                act = partial(train_block, launch, round_.steps, config, progress)
                act_or_end(launch, act, directory)
                act_or_end(launch, partial(look_for_target, launch, dataset, config), directory)
            if time.monotonic() - saved >= SAVE_INTERVAL_SECONDS:
                save_and_tell()
                saved = time.monotonic()
        save_and_tell()
        for launch in launches:
            act_or_end(launch, partial(finish, launch, expected, dataset, config, directory), directory)
        save_and_tell()
        if complete:
            judge_ends(launches, expected.end, directory)
            save_and_tell()
            explain(finished(launches), config)
        for launch in launches:
            if launch.live:
                launch.end("ok", None, grace_seconds=5)
        save_and_tell()
    return runs


def act_or_end(launch: LiveLaunch, act: Callable[[], None], directory: Path) -> None:
    """Call `act` if the launch has not ended. A failure ends the launch, with the reason in its row.

    Results are for sharing, so they name a log by its path within the run's directory.
    """
    if not launch.live:
        return
    try:
        act()
    except WorkerRefused as refusal:
        launch.end("unavailable" if refusal.kind in messages.MISSING else "failed", refusal.beside(directory))
    except WorkerFailed as failure:
        launch.end("failed", failure.beside(directory))


def side_by_side(launches: list[LiveLaunch], act: Callable[[LiveLaunch], None], directory: Path) -> None:
    """Do untimed work for every live launch, for as many at the same time as there are CPUs."""
    live = [launch for launch in launches if launch.live]
    if live:
        with asking([launch.worker for launch in live if launch.worker], threads=usable_cpus()) as pool:
            list(pool.map(lambda launch: act_or_end(launch, partial(act, launch), directory), live))


def finished(launches: list[LiveLaunch]) -> list[tuple[Launch, Worker]]:
    """Return what can be explained: a step of a group has no phases of its own."""
    return [
        (launch.run, launch.worker)
        for launch in launches
        if launch.run.status == "ok" and isinstance(launch.worker, Worker)
    ]


def judge_ends(launches: list[LiveLaunch], end: End, directory: Path) -> None:
    """Compare the end of every successful launch with the oracle, then its curve with the first launch's.

    If a comparison fails, the launch ends as failed, with the reason that it is not as proved.
    """
    done = [launch for launch in launches if launch.live]
    side_by_side(launches, partial(judge_end, end=end, directory=directory), directory)
    curves = [launch for launch in done if launch.live]
    for launch in curves[1:]:
        run = launch.run
        step = parted_at(run.losses, curves[0].run.losses)
        if step is not None:
            baseline = curves[0].run.label
            not_proved(launch, step, f"from there its losses differ from those of {baseline}")


def judge_end(launch: LiveLaunch, end: End, directory: Path) -> None:
    run = launch.run
    assert launch.worker is not None
    parameters = safetensors.numpy.load_file(directory / f"{file_stem(run)}.safetensors")
    own = tolerances(run.dtype, run.float32_rounding, batch_size=end.config.batch_size)
    found = end.judge(launch.worker, run.full_label.name, parameters, own)
    run.judged_updates = len(end.batches)
    if found is not None:
        not_proved(launch, *found)


def not_proved(launch: LiveLaunch, step: int, why: str) -> None:
    launch.run.not_proved_from = step
    launch.end("failed", f"it does not train as proved from step {step:,} on: {why}")


def schedule(config: RunConfig, runs: list[Launch], seed: int) -> Iterator[Round]:
    """Yield the rounds in which the launches train. runs: the rows of the launches, which grow meanwhile."""

    def block_steps(left: int) -> int:
        steps = steps_of_block([run.step_seconds for run in runs if not run.ended], left)
        return steps if config.target_accuracy is None else min(steps, EVALUATION_INTERVAL_STEPS)

    return rounds(
        len(runs), config.steps, warmup_steps=warmup_steps(config), block_steps=block_steps, seed=seed
    )


def new_run(config: RunConfig, entrant: Entrant, seed: int) -> Launch:
    return Launch(
        framework=entrant.variant.framework,
        variant=entrant.variant.variant,
        device=entrant.device,
        dtype=config.dtype,
        seed=seed,
        label=entrant.label,
        warmup_steps=warmup_steps(config),
    )


def warmup_steps(config: RunConfig) -> int:
    return min(WARMUP_STEPS, config.steps // 2)


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


def train_block(launch: LiveLaunch, steps: int, config: RunConfig, progress: Progress) -> None:
    run = launch.run
    assert launch.worker is not None
    beside, energy = Interference(), Energy(meters(run.device))
    block = launch.worker.request(messages.Train(steps), messages.Trained, config.timeout)
    check_block(launch.worker, block, steps)
    run.energy_joules.append(energy.joules())
    note_interference(run, beside, block.cpu_seconds)
    run.losses += block.losses
    run.train_accuracies += block.accuracies
    run.step_seconds += block.step_seconds
    run.block_sizes.append(len(block.losses))
    run.batches_sha256, run.shards_sha256 = block.batches_sha256, block.shards_sha256
    run.cpu_seconds.append(block.cpu_seconds)
    run.step_cpu_seconds += block.step_cpu_seconds
    if block.rss_bytes is not None:
        run.rss_bytes.append(block.rss_bytes)
    run.peak_rss_bytes, run.peak_device_bytes = block.peak_rss_bytes, block.peak_device_bytes
    if run.first_step_seconds is None and block.step_seconds:
        run.first_step_seconds = block.step_seconds[0]
    run.reason = f"interrupted after {count(len(run.losses), 'step')}"
    progress.trained(run.label, len(block.losses), math.fsum(block.step_seconds))
    if block.diverged_at_step is not None:
        launch.end("diverged", f"the loss is not finite at step {block.diverged_at_step}")


def note_interference(run: Launch, beside: Interference, own_seconds: float) -> None:
    foreign = beside.foreign_seconds(own_seconds)
    if foreign is not None:
        run.foreign_cpu_seconds.append(foreign)
    periods, throttled = beside.throttled_periods()
    run.quota_periods += periods
    run.throttled_periods += throttled


def look_for_target(launch: LiveLaunch, dataset: Dataset, config: RunConfig) -> None:
    """Evaluate after every few steps, untimed, until the target accuracy is reached for the first time."""
    run, target = launch.run, config.target_accuracy
    due = len(run.losses) - (run.evaluated_steps or [0])[-1] >= EVALUATION_INTERVAL_STEPS
    if target is None or not due or any(share >= target / 100 for share in run.evaluated_accuracies):
        return
    logits = evaluated(launch, dataset, config)
    run.evaluated_steps.append(len(run.losses))
    run.evaluated_accuracies.append(accuracy(logits, dataset.test_labels.astype(np.int64)))


def evaluated(launch: LiveLaunch, dataset: Dataset, config: RunConfig) -> np.ndarray:
    """Return the logits of all test images."""
    assert launch.worker is not None
    reply = launch.worker.request(messages.Evaluate(EVALUATION_BATCH_SIZE), messages.Arrays, config.timeout)
    shape = (len(dataset.test_labels), config.spec().classes)
    return arrays_shaped(launch.worker, reply.safetensors, {"logits": shape})["logits"]


def finish(
    launch: LiveLaunch, expected: Expected, dataset: Dataset, config: RunConfig, directory: Path
) -> None:
    """Evaluate on all test images, keep the final weights, and compare the digests with the parent's."""
    run = launch.run
    assert launch.worker is not None
    labels, spec = dataset.test_labels.astype(np.int64), config.spec()
    logits = evaluated(launch, dataset, config)
    if not np.isfinite(logits).all():
        launch.end(
            "diverged", f"its logits of the test images are not finite after {count(len(run.losses), 'step')}"
        )
        return
    run.test_accuracy, run.test_loss = accuracy(logits, labels), cross_entropy(logits, labels)
    final = launch.worker.request(messages.Parameters(), messages.Arrays, config.timeout)
    arrays_shaped(launch.worker, final.safetensors, spec.parameter_shapes())
    write_atomically(directory / f"{file_stem(run)}.safetensors", final.safetensors)
    if run.initial_weights_sha256 != expected.weights_sha256:
        launch.end("failed", f"{run.label} did not start from the shared initial weights of seed {run.seed}")
    elif run.batches_sha256 != expected.end.digest:
        launch.end("failed", f"{run.label} did not train on the shared batches of seed {run.seed}")
    elif run.shards_sha256 != expected.shards.get(launch.entrant.ranks, []):
        launch.end("failed", f"the ranks of {run.label} did not train on their own rows of seed {run.seed}")
    else:
        run.status, run.reason = "ok", None
