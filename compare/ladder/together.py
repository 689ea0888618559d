"""Starts workers, asks several at the same time, and ends them at once if the wait is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from compare.ladder.plan import Plan, Port
from compare.processes.group import Group
from compare.processes.launcher import Worker


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Limit NumPy's products to one thread while workers compute: two competing threads are twice as slow."""
    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def asking(workers: Sequence[Worker | Group], threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool with `threads` threads, or one for each worker. Ctrl-C kills the workers."""
    with one_thread_each(), ThreadPoolExecutor(threads or len(workers)) as pool:
        try:
            yield pool
        except BaseException:
            for worker in workers:
                worker.kill()
            raise


def launch(
    port: Port, plan: Plan, python: Path, directory: Path, *, name: str | None = None
) -> Worker | Group:
    """Start a worker for one port, or for several ports of one framework and number of ranks in turn."""
    name = name or port.label
    log_path = directory / f"ladder-{''.join(c if c.isalnum() else '-' for c in name)}.log"
    conditions = plan.conditions(port)
    if port.ranks:
        return conditions.launch_ranks(port.framework, port.ranks, log_path, name=name, python=python)
    return conditions.launch(port.framework, log_path, name=name, python=python)
