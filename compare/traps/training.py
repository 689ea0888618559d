"""Trains a trap, or the correct code, as a user would: float32, a few hundred steps, then a test."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import safetensors.numpy

from compare.data.metrics import accuracy
from compare.data.mnist import Dataset
from compare.ladder.climber import Climber
from compare.ladder.inputs import Inputs
from compare.ladder.plan import Plan, Port
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerRefused
from compare.protocol import messages
from compare.records.traps import RightRun

SEEDS = 5  # for the correct implementation, to measure the spread of its accuracy
EVALUATION_BATCH_SIZE = 1000


@dataclasses.dataclass(frozen=True)
class Trained:
    """The loss of each step, and the accuracy on the test images."""

    losses: list[float]
    test_accuracy: float | None  # None if the trap cannot evaluate


def train(port: Port, plan: Plan, worker: Worker | Group, directory: Path, dataset: Dataset) -> Trained:
    """Train for `plan.steps` steps with the plan's seed. Then measure the accuracy on all test images."""
    inputs = Inputs(plan, dataset)
    climber = Climber(port, plan, worker, inputs, directory)
    climber.set_up(plan.spec, "initial", inputs.weights)
    climber.train(plan.steps)
    try:
        reply = worker.request(messages.Evaluate(EVALUATION_BATCH_SIZE), messages.Arrays, plan.timeout)
    except WorkerRefused:
        return Trained(climber.losses, None)
    logits = safetensors.numpy.load(reply.safetensors)["logits"]
    return Trained(climber.losses, accuracy(logits, dataset.test_labels.astype(np.int64)))


def train_right(
    port: Port, plan: Plan, worker: Worker | Group, directory: Path, dataset: Dataset
) -> RightRun:
    """Train the correct implementation with the plan's seed and the seeds after it."""
    runs = [
        train(port, dataclasses.replace(plan, seed=plan.seed + more), worker, directory, dataset)
        for more in range(SEEDS)
    ]
    accuracies = [run.test_accuracy for run in runs if run.test_accuracy is not None]
    return RightRun(
        framework=port.framework,
        dropout=plan.spec.dropout.active,
        losses=runs[0].losses,
        test_accuracies=accuracies,
        lowest_unsuspected=lowest_unsuspected(accuracies),
    )


def lowest_unsuspected(accuracies: Sequence[float]) -> float:
    """Return the lowest accuracy that looks normal: mean minus two standard deviations over seeds."""
    return fmean(accuracies) - 2 * stdev(accuracies)
