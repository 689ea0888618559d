"""Compares the losses of several ranks with those of one process, over long trainings in float64."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from compare.protocol import messages
from lenet_spec import LeNetSpec
from tools.ranks.arms import TIMED, TIMEOUT_SECONDS, TWO_THREADS, Arm, start
from tools.ranks.record import LongTraining

SPEC = LeNetSpec()
TRAININGS = {2: 1000, 3: 200}  # ranks, and steps: with 3 ranks on 2 CPUs a step takes longer
BLOCK_STEPS = 50


def losses() -> Iterator[LongTraining]:
    """Train one process, then groups of ranks, from the same weights on the same batches."""
    for variant in TIMED:
        alone = trained(variant, TWO_THREADS, max(TRAININGS.values()))
        for ranks, steps in TRAININGS.items():
            together = trained(variant, Arm(f"{ranks} processes", ranks, 1, engine=True), steps)
            largest = max(abs(a - b) for a, b in zip(alone, together, strict=False))
            print(f"{variant} x{ranks}, {steps:,} steps: losses within {largest:.1e}", flush=True)
            yield LongTraining(variant, ranks, steps, SPEC.training.batch_size, largest)


def trained(variant: str, arm: Arm, steps: int) -> list[float]:
    """Return the loss of each step."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        runner = start(variant, arm, Path(directory), stack, SPEC, dtype="float64")
        while len(found) < steps:
            block = messages.Train(min(BLOCK_STEPS, steps - len(found)))
            found += runner.request(block, messages.Trained, TIMEOUT_SECONDS).losses
    return found
