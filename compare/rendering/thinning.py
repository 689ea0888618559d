"""Reduces the points of a curve without distortion: running medians, bins and quantiles of lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CURVE_POINTS = 200


def running_median(values: Sequence[float], window: int) -> list[float]:
    """Return the median of the `window` values around each value; near the ends, of a smaller window.

    Each window is symmetric, so the first and the last value are unchanged. A one-sided window would bend the
    start towards its next values.
    """
    half, count = window // 2, len(values)
    array = np.asarray(values, np.float64)
    medians = array.copy()
    if count > 2 * half:
        windows = np.lib.stride_tricks.sliding_window_view(array, 2 * half + 1)
        medians[half : count - half] = np.median(windows, axis=1)
    for i in range(count):
        reach = min(i, count - 1 - i)
        if reach < half:
            medians[i] = np.median(array[i - reach : i + reach + 1])
    smooth: list[float] = medians.tolist()
    return smooth


def evenly(count: int, points: int = CURVE_POINTS) -> list[int]:
    """Return at most `points` indices from 0 to count - 1, including the first and the last."""
    if count <= points:
        return list(range(count))
    return sorted({round(i * (count - 1) / (points - 1)) for i in range(points)})


def significant(value: float, digits: int = 5) -> float:
    """Round to `digits` significant digits: enough for a chart, in a third of the bytes."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return the 5th, 25th, 50th, 75th and 95th percentile and the maximum, by name."""
    low, first, middle, third, high = np.percentile(np.asarray(values, np.float64), [5, 25, 50, 75, 95])
    named = {"low": low, "q1": first, "median": middle, "q3": third, "high": high, "max": max(values)}
    return {name: significant(float(value)) for name, value in named.items()}


def median_over(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the median at each step. Shorter curves count only at the steps that they have."""
    length = max((len(curve) for curve in curves), default=0)
    if length == 0:
        return []
    padded = np.full((len(curves), length), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    medians: list[float] = np.nanmedian(padded, axis=0).tolist()
    return medians
