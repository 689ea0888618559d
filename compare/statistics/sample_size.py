"""Estimates how many more launches an answer takes, if launches continue to differ as they did so far."""

from __future__ import annotations

import math
from bisect import bisect_left

from compare.statistics.intervals import Interval, t_quantile

MINIMUM_LAUNCHES = 3
"""Fewer launches give no verdict. With two equally likely modes a third apart, two launches of a variant
compared with itself name a winner in 13 % of experiments, three in 3 %.
"""

MOST_LAUNCHES = 1000
"""The largest answer. It means so many or more."""


def launches_needed(interval: Interval, half_width: float, *, confidence: float | None = None) -> int | None:
    """Return how many more launches reduce the interval's half-width to at most `half_width`.

    `half_width` is on the interval's own scale: in logs for a ratio, so log1p(0.02) for 2 %. `confidence` is
    the interval's by default. Returns None if the spread is unknown, with fewer than two launches. Solves
    t(N) · s / √N ≤ half_width for N, with s from the launches so far. This is a plan, not a promise, because
    three launches estimate s only within a factor of two. A plan from three launches that differ by 3 % was
    enough in 6 of 10 simulated experiments.
    """
    error, freedom, taken = interval.standard_error, interval.degrees_of_freedom, interval.launches
    if error is None or freedom is None:
        return None
    probability = (1 + (confidence or interval.confidence)) / 2

    def narrow(more: int) -> bool:
        free = freedom * (taken + more - 1) / (taken - 1)  # exact for pairs, proportional for Welch
        return t_quantile(probability, free) * error * math.sqrt(taken / (taken + more)) <= half_width

    return bisect_left(range(MOST_LAUNCHES), True, key=narrow)
