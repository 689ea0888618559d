"""Trains one seed's launches together: each in its own process, interleaved block by block."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy

from compare.config import Entrant, RunConfig
from compare.data.metrics import accuracy, cross_entropy
from compare.data.mnist import Dataset
from compare.data.weights import initial_weights, weights_digest
from compare.experiment.after_training import explain
from compare.experiment.ends import End, end_of, parted_at, shard_digests
from compare.experiment.launches import (
    Expected,
    LiveLaunch,
    act_or_end,
    new_run,
    not_proved,
    side_by_side,
    warmup_steps,
)
from compare.experiment.schedule import Round, rounds, steps_of_block
from compare.experiment.starting import start_all
from compare.ladder.tolerances import tolerances
from compare.numbers import count
from compare.processes.energy import Energy
from compare.processes.launcher import Worker
from compare.processes.load import Interference
from compare.processes.replies import arrays_shaped, check_block
from compare.protocol import messages
from compare.records.files import write_atomically
from compare.records.results import Launch, file_stem

SAVE_INTERVAL_SECONDS = 2.0
EVALUATION_BATCH_SIZE = 1000
EVALUATION_INTERVAL_STEPS = 20  # with --target-accuracy


class Progress(Protocol):
    """The events of a training that a display receives."""

    def starting(self, labels: list[str], seed: int) -> None: ...
    def trained(self, label: str, steps: int, seconds: float) -> None: ...
    def ended(self, run: Launch, steps_not_done: int) -> None: ...


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
        done = partial(finish, expected=expected, dataset=dataset, config=config, directory=directory)
        side_by_side(launches, done, directory)
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


def schedule(config: RunConfig, runs: list[Launch], seed: int) -> Iterator[Round]:
    """Yield the rounds in which the launches train. runs: the rows of the launches, which grow meanwhile."""

    def block_steps(left: int) -> int:
        steps = steps_of_block([run.step_seconds for run in runs if not run.ended], left)
        return steps if config.target_accuracy is None else min(steps, EVALUATION_INTERVAL_STEPS)

    return rounds(
        len(runs), config.steps, warmup_steps=warmup_steps(config), block_steps=block_steps, seed=seed
    )


def train_block(launch: LiveLaunch, steps: int, config: RunConfig, progress: Progress) -> None:
    run = launch.run
    assert launch.worker is not None
    beside, energy = Interference(), Energy(launch.meters)
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
