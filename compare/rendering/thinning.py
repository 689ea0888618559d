"""Fewer points that still tell the truth: running medians, bins and quantiles. Pure functions on lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CURVE_POINTS = 200


def running_median(values: Sequence[float], window: int) -> list[float]:
    """The median of the `window` values around each; at the ends, of those that exist."""
    half = window // 2
    array = np.asarray(values, np.float64)
    return [float(np.median(array[max(0, i - half) : i + half + 1])) for i in range(len(array))]


def evenly(count: int, points: int = CURVE_POINTS) -> list[int]:
    """At most `points` indices from 0 to count - 1, first and last among them."""
    if count <= points:
        return list(range(count))
    return sorted({round(i * (count - 1) / (points - 1)) for i in range(points)})


def significant(value: float, digits: int = 5) -> float:
    """Rounded to so many significant digits: what a chart can show, in a third of the bytes."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """The 5th, 25th, 50th, 75th and 95th percentile and the maximum, by name."""
    low, first, middle, third, high = np.percentile(np.asarray(values, np.float64), [5, 25, 50, 75, 95])
    named = {"low": low, "q1": first, "median": middle, "q3": third, "high": high, "max": max(values)}
    return {name: significant(float(value)) for name, value in named.items()}


def median_over(curves: Sequence[Sequence[float]]) -> list[float]:
    """The median at each step over curves that may differ in length: a step counts those that reach it."""
    length = max((len(curve) for curve in curves), default=0)
    return [float(np.median([curve[i] for curve in curves if i < len(curve)])) for i in range(length)]
