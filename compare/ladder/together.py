"""Workers asked at the same time, and ended at once when the wait for them is cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from compare.processes.launcher import Worker


@contextmanager
def one_thread_each() -> Iterator[None]:
    """While workers compute too: NumPy's products in one thread take half the time of two that fight."""
    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def asking(workers: Sequence[Worker], threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool with a thread for each worker, or so many. Ctrl-C kills the workers: threads wait."""
    with one_thread_each(), ThreadPoolExecutor(threads or len(workers)) as pool:
        try:
            yield pool
        except BaseException:
            for worker in workers:
                worker.process.kill()
            raise
