"""Measures what explains a step time: in the worker, after training, separately from the headline figure."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from statistics import median

from compare.data.batches import Batch, batches
from compare.protocol import messages
from compare.worker.contract import Inspectable, Trainer
from compare.worker.refusals import RefusedRequest
from compare.worker.session import Session

MATMUL_SIZE = 2048  # on the CPU: large enough to reach the peak, small enough for half a second
MATMUL_SIZE_ON_CARD = 8192  # a card needs larger matrices to reach its peak
FLOAT64_MATMUL_SIZE_ON_CARD = 4096  # smaller, because most cards are slow in float64
MATMUL_REPEATS = 3
FENCES = 100


def explain(session: Session, steps: int) -> messages.Explained:
    """Measure the phases of a step, its time without a fence, and the peak of a matrix product."""
    request, trainer = session.request, session.trainer
    size = matmul_size(request.device, request.dtype)
    seconds = session.runtime.matmul_seconds(
        device=request.device, dtype=request.dtype, size=size, repeats=MATMUL_REPEATS
    )
    return messages.Explained(
        phase_seconds=phase_seconds(trainer, session.stream(), steps)
        if isinstance(trainer, Inspectable)
        else {},
        unsynchronized_step_seconds=unsynchronized_step_seconds(session, steps),
        matmul_peak_flops=2 * size**3 / min(seconds),
        fence_seconds=fence_seconds(trainer),
    )


def matmul_size(device: str, dtype: str) -> int:
    if device == "cpu":
        return MATMUL_SIZE
    return FLOAT64_MATMUL_SIZE_ON_CARD if dtype == "float64" else MATMUL_SIZE_ON_CARD


def fence_seconds(trainer: Trainer) -> float:
    """Return the median seconds of a fence with nothing to wait for. Every timed step includes one fence."""
    found = []
    trainer.synchronize()
    for _ in range(FENCES):
        start = time.perf_counter()
        trainer.synchronize()
        found.append(time.perf_counter() - start)
    return median(found)


def phase_seconds(trainer: Inspectable, stream: Iterator[Batch], steps: int) -> dict[str, list[float]]:
    """Return the seconds of each phase, one entry for each step; empty if the step cannot be divided.

    Each phase ends with a synchronization, so on an asynchronous device their sum is more than a plain step.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for batch in islice(stream, steps):
        trainer.synchronize()
        start = time.perf_counter()
        for phase in trainer.phases(*batch):
            trainer.synchronize()
            end = time.perf_counter()
            found[phase].append(end - start)
            start = end
    return dict(found)


def unsynchronized_step_seconds(session: Session, steps: int) -> float:
    """Return the mean seconds per step, fetching no result and synchronizing once after the last step."""
    trainer = session.trainer
    prepared = list(islice(session.stream(), steps))
    trainer.synchronize()
    start = time.perf_counter()
    for batch in prepared:
        trainer.step(*batch)
    trainer.synchronize()
    return (time.perf_counter() - start) / steps


def time_batch_size(session: Session, request: messages.TimeBatchSize) -> messages.Timed:
    """Return synchronized step times at another batch size, after a warm-up at that size."""
    training = dataclasses.replace(session.spec.training, batch_size=request.batch_size)
    spec = dataclasses.replace(session.spec, training=training)
    stream = batches(session.dataset, spec, seed=session.request.seed, dtype=session.host_dtype)
    if request.batch_size < 1:
        raise RefusedRequest("error", f"batch size {request.batch_size} is below 1")
    seconds = [session.timed_step(batch)[2] for batch in islice(stream, request.warmup + request.steps)]
    return messages.Timed(seconds[request.warmup :])
