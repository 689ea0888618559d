"""Trains a trap, or the right implementation, as a user would: float32, a few hundred steps, then a test."""

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
from compare.processes.launcher import Worker, WorkerRefused
from compare.protocol import messages
from compare.records.traps import RightRun

SEEDS = 5  # of the right implementation, for the spread of its accuracy
EVALUATION_BATCH_SIZE = 1000


@dataclasses.dataclass(frozen=True)
class Trained:
    """Losses, one a step, and the accuracy on the test images."""

    losses: list[float]
    test_accuracy: float | None  # None: it cannot evaluate


def train(port: Port, plan: Plan, worker: Worker, directory: Path, dataset: Dataset) -> Trained:
    """`plan.steps` steps from the plan's seed, then the accuracy on every test image."""
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


def train_right(port: Port, plan: Plan, worker: Worker, directory: Path, dataset: Dataset) -> RightRun:
    """Return the right implementation on the plan's seed and the ones after it."""
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
    """Return the accuracy that nobody would wonder about: mean minus two standard deviations over seeds."""
    return fmean(accuracies) - 2 * stdev(accuracies)
