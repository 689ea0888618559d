"""Measures what disturbs a worker on its CPUs: other programs, and a CPU quota that throttles it."""

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
    """Counters that start when it is made, for the CPUs that this process and its workers may use."""

    def __init__(self) -> None:
        self.cpus = allowed_cpus()
        self.start = observe(busy_seconds, self.cpus)
        self.throttling = Throttling()

    def foreign_seconds(self, own_seconds: float) -> float | None:
        """Return the CPU seconds since the start that exceed `own_seconds`, at least 0; None if unknown.

        The system's resolution is a hundredth of a second.
        """
        now = observe(busy_seconds, self.cpus)
        if now is None or self.start is None:
            return None
        return max(0.0, now - self.start - own_seconds)

    def throttled_periods(self) -> Counts:
        """Return (periods of a CPU quota, periods in which it throttled processes)."""
        return self.throttling.counts()


def busy_seconds(cpus: Sequence[int] | None) -> float:
    """Return the CPU time that was not idle, including time stolen by a hypervisor.

    cpus: None for all CPUs, if the system does not report the allowed ones. It can raise any error: call it
    by `observe`.
    """
    if cpus is None:
        times = psutil.cpu_times()
        return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
    counters = {name: fields for name, *fields in map(str.split, STAT.read_text().splitlines())}
    return sum(busy_ticks(counters[f"cpu{number}"]) for number in cpus) / os.sysconf("SC_CLK_TCK")


def busy_ticks(fields: Sequence[str]) -> int:
    """Sum one CPU's busy counters: user, nice, system, irq, softirq, steal. Guests count as user.

    See proc_stat(5). psutil's list of CPUs has no CPU numbers and leaves out offline CPUs.
    """
    user, nice, system, _, _, *rest = map(int, fields)
    return user + nice + system + sum(rest[:3])
