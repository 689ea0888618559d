"""Finds the CPUs that a run may use, and how many of them it can keep busy."""

from __future__ import annotations

import os

from compare.cgroups import cpu_quota
from compare.observation import observe


def allowed_cpus() -> list[int] | None:
    """Return the numbers of the CPUs that this process may run on; None if the system hides them."""
    return observe(lambda: sorted(os.sched_getaffinity(0)))  # macOS has no such call


def usable_cpus() -> int:
    """Return how many threads can compute at once: one for each allowed CPU, or fewer under a quota.

    A quota of 1.5 CPUs gives one thread: two threads would use it up after 75 of every 100 ms, then wait.
    """
    count = len(allowed_cpus() or []) or os.cpu_count() or 1
    quota = cpu_quota()
    return count if quota is None else max(1, min(count, int(quota)))
