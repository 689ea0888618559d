"""Checks a worker's reply before it is used: a user's own port can return anything."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy

from compare.numbers import count
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.protocol import messages
from lenet_spec import Shape


def arrays_of(worker: Worker | Group, content: bytes) -> dict[str, np.ndarray]:
    """Return named arrays from safetensors bytes. If invalid, end the worker and raise WorkerFailed."""
    try:
        return safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise worker.failed(f"{worker.name} sent arrays that are not safetensors: {error}") from error


def arrays_shaped(
    worker: Worker | Group, content: bytes, shapes: Mapping[str, Shape]
) -> dict[str, np.ndarray]:
    """Return real arrays with exactly these names and shapes. Raises WorkerFailed if any array differs."""
    found = arrays_of(worker, content)
    for name, shape in shapes.items():
        if name not in found:
            held = ", ".join(found) or "nothing"
            raise worker.failed(f"{worker.name} sent no {name}; it sent {held[:200]}")
        if found[name].shape != tuple(shape):
            raise worker.failed(
                f"{worker.name} sent {name} {list(found[name].shape)}; it must be {list(shape)}"
            )
        if found[name].dtype.kind not in "fiu":
            raise worker.failed(
                f"{worker.name} sent {name} of {found[name].dtype}; it must hold real numbers"
            )
    return {name: found[name] for name in shapes}


def check_block(worker: Worker | Group, block: messages.Trained, steps: int) -> None:
    """Raise WorkerFailed unless the block has a plausible loss, accuracy and time for every step."""
    done, accuracies, times = len(block.losses), len(block.accuracies), len(block.step_seconds)
    if not done == accuracies == times:
        counts = f"{count(done, 'loss')}, {count(accuracies, 'accuracy')} and {count(times, 'step time')}"
        raise worker.failed(f"{worker.name} sent {counts}; these numbers must be equal")
    if done != steps and (block.diverged_at_step is None or done > steps):
        raise worker.failed(f"{worker.name} trained {count(done, 'step')} in place of {steps:,}")
    if block.step_cpu_seconds and len(block.step_cpu_seconds) != done:
        times_of_cpus = count(len(block.step_cpu_seconds), "CPU time")
        raise worker.failed(f"{worker.name} sent {times_of_cpus} for {count(done, 'step')}")
    if not all(math.isfinite(loss) for loss in block.losses):
        raise worker.failed(
            f"{worker.name} sent a loss that is not finite, and did not report that it diverged"
        )
    if not all(0 <= share <= 1 for share in block.accuracies):
        raise worker.failed(f"{worker.name} sent an accuracy outside 0 to 1")
    if not all(0 < seconds < math.inf for seconds in block.step_seconds):
        raise worker.failed(f"{worker.name} sent a step time that is not a positive number of seconds")
