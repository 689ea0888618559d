"""How much of the CPUs others use while a worker trains."""

from __future__ import annotations

import psutil


def busy_seconds() -> float:
    """CPU time of the whole machine that was not idle, time stolen by a hypervisor included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


class ForeignLoad:
    """Starts counting when made."""

    def __init__(self) -> None:
        self.start = busy_seconds()

    def seconds_beside(self, own_seconds: float) -> float:
        """CPU seconds since the start beyond `own_seconds`; the system counts in hundredths."""
        return max(0.0, busy_seconds() - self.start - own_seconds)
