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
from compare.data.weights import initial_weights
from compare.ladder.plan import Plan, Port
from compare.ladder.side import Side
from compare.processes.launcher import Worker
from compare.protocol import messages
from compare.records.files import write_atomically
from compare.records.traps import RightRun

SEEDS = 5  # of the right implementation, for the spread of its accuracy
EVALUATION_BATCH_SIZE = 1000


@dataclasses.dataclass(frozen=True)
class Trained:
    """Losses, one a step, and the accuracy on the test images."""

    losses: list[float]
    test_accuracy: float


def train(port: Port, plan: Plan, worker: Worker, directory: Path, dataset: Dataset) -> Trained:
    """`plan.steps` steps from the plan's seed, then the accuracy on every test image."""
    weights_path = directory / f"trap-weights-seed{plan.seed}.safetensors"
    if not weights_path.exists():
        write_atomically(weights_path, safetensors.numpy.save(initial_weights(plan.spec, plan.seed)))
    side = Side(port, plan, worker, weights_path)
    _ = side.first_parameters
    side.train(plan.steps)
    reply = worker.request(messages.Evaluate(EVALUATION_BATCH_SIZE), messages.Arrays, plan.timeout)
    logits = safetensors.numpy.load(reply.safetensors)["logits"]
    return Trained(side.losses, accuracy(logits, dataset.test_labels.astype(np.int64)))


def train_right(port: Port, plan: Plan, worker: Worker, directory: Path, dataset: Dataset) -> RightRun:
    """Return the right implementation on the plan's seed and the ones after it."""
    runs = [
        train(port, dataclasses.replace(plan, seed=plan.seed + more), worker, directory, dataset)
        for more in range(SEEDS)
    ]
    accuracies = [run.test_accuracy for run in runs]
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
