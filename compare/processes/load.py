"""What happened to the CPUs while a worker trained: other programs on them, and a quota that held it back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from compare.cgroups import Counts, Throttling
from compare.cpus import allowed_cpus
from compare.observation import observe

STAT = Path("/proc/stat")


class Interference:
    """Starts counting when made, on the CPUs that this process, and so its workers, may use."""

    def __init__(self) -> None:
        self.cpus = allowed_cpus()
        self.start = observe(busy_seconds, self.cpus)
        self.throttling = Throttling()

    def foreign_seconds(self, own_seconds: float) -> float | None:
        """Return CPU seconds since the start beyond `own_seconds`, at least 0; None if unknown.

        The system counts in hundredths of a second.
        """
        now = observe(busy_seconds, self.cpus)
        if now is None or self.start is None:
            return None
        return max(0.0, now - self.start - own_seconds)

    def throttled_periods(self) -> Counts:
        """Return (periods of a CPU quota, those of them in which it held processes back)."""
        return self.throttling.counts()


def busy_seconds(cpus: Sequence[int] | None) -> float:
    """Return the CPU time that was not idle, time stolen by a hypervisor included.

    cpus: None for all, if the system does not tell which it allows. Raises anything (`observe`).
    """
    if cpus is None:
        times = psutil.cpu_times()
        return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
    counters = {name: fields for name, *fields in map(str.split, STAT.read_text().splitlines())}
    return sum(busy_ticks(counters[f"cpu{number}"]) for number in cpus) / os.sysconf("SC_CLK_TCK")


def busy_ticks(fields: Sequence[str]) -> int:
    """Sum one CPU's counters: user, nice, system, (idle, iowait,) irq, softirq, steal; guests count as user.

    proc_stat(5). Not psutil's list of CPUs: it has no numbers, and those that are offline are missing.
    """
    user, nice, system, _, _, *rest = map(int, fields)
    return user + nice + system + sum(rest[:3])
