"""The timer that benchmarks use: it moves only while a worker is inside a step."""

from __future__ import annotations


class StepClock:
    """Seconds that workers have spent in synchronized steps: neither messages nor this process count."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


CLOCK = StepClock()
