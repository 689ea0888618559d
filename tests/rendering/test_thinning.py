"""Thinning tells the truth: it invents no value and keeps the ends."""

from __future__ import annotations

from compare.rendering import thinning


def test_a_running_median_keeps_the_ends() -> None:
    """A steep start is not smoothed down: the first value stands for itself."""
    assert thinning.running_median([9, 1, 2, 3, 4], 3) == [9, 2, 2, 3, 4]


def test_a_window_wider_than_the_curve() -> None:
    """Each value gets the median of what lies around it evenly."""
    assert thinning.running_median([5, 1, 3], 25) == [5, 3, 3]
    assert thinning.running_median([], 25) == []


def test_indices_are_few_and_reach_both_ends() -> None:
    """A short curve keeps every index."""
    indices = thinning.evenly(1000, 200)
    assert (len(indices), indices[0], indices[-1]) == (200, 0, 999)
    assert thinning.evenly(3) == [0, 1, 2]


def test_the_median_over_curves_of_different_lengths() -> None:
    """A step counts the curves that reach it."""
    assert thinning.median_over([[1, 2, 3], [3, 4]]) == [2, 3, 3]
    assert thinning.median_over([]) == []


def test_significant_digits() -> None:
    """Zero has none, and stays zero."""
    assert thinning.significant(0.0123456789, 3) == 0.0123
    assert thinning.significant(0.0) == 0.0


def test_quantiles_are_ordered() -> None:
    """From the 5th percentile to the maximum, of values whose percentiles are known."""
    marks = thinning.quantiles([float(i) for i in range(101)])
    assert [marks[name] for name in ("low", "q1", "median", "q3", "high", "max")] == [5, 25, 50, 75, 95, 100]
