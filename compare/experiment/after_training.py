"""Measures, after the results are final, where the time of a step goes and how it scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from compare.config import RunConfig
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.records.results import Launch

EXPLAINED_STEPS = 10  # at most in each launch, and at most a twentieth of the trained steps
SWEEP_WARMUP_STEPS = 5
SWEEP_STEPS = 10  # measured twice, in A B B A order

Finished = Sequence[tuple[Launch, Worker]]


def explain(finished: Finished, config: RunConfig) -> None:
    """Write each launch's phases, throughput and peak into its row, then its step at other batch sizes.

    A failure here adds only a note to the row: the result stays valid.
    """
    for run, worker in finished:
        noting(run, worker, partial(note_explanation, run, worker, config))
    for size in config.batch_sizes:
        for order in (finished, list(reversed(finished))):
            for run, worker in order:
                noting(run, worker, partial(time_batch_size, run, worker, size, config))


def noting(run: Launch, worker: Worker, act: Callable[[], None]) -> None:
    if worker.closed:  # it failed before, and the row has a note
        return
    try:
        act()
    except (WorkerFailed, WorkerRefused) as failure:
        run.notes.append(failure.beside(worker.log_path.parent))


def note_explanation(run: Launch, worker: Worker, config: RunConfig) -> None:
    steps = max(1, min(EXPLAINED_STEPS, config.steps // 20))
    explained = worker.request(messages.Explain(steps), messages.Explained, config.timeout)
    run.phase_seconds = explained.phase_seconds
    run.unsynchronized_step_seconds = explained.unsynchronized_step_seconds
    run.matmul_peak_flops = explained.matmul_peak_flops
    run.fence_seconds = explained.fence_seconds


def time_batch_size(run: Launch, worker: Worker, size: int, config: RunConfig) -> None:
    request = messages.TimeBatchSize(size, warmup=SWEEP_WARMUP_STEPS, steps=SWEEP_STEPS)
    timed = worker.request(request, messages.Timed, config.timeout)
    run.batch_size_seconds.setdefault(str(size), []).extend(timed.step_seconds)
