"""The intervals agree with SciPy's, keep their symmetries, and say nothing where there is nothing to say."""

import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compare.statistics.intervals import (
    Interval,
    common_seeds,
    difference_interval,
    ratio_interval,
    unpaired_ratio_interval,
)
from tests.known import known

seconds = st.floats(1e-6, 1e3)
pairs_of_launches = st.lists(st.tuples(seconds, seconds), min_size=2, max_size=10)
untimed = settings(deadline=None)

FIRST = [0.0248, 0.0251, 0.0244, 0.0262]
SECOND = [0.0310, 0.0312, 0.0305, 0.0309]


def bounds(interval: Interval) -> tuple[float | None, float | None, float | None]:
    """Return the interval's three numbers."""
    return interval.low, interval.estimate, interval.high


def test_the_paired_interval_is_scipys() -> None:
    """Student's t on log-ratios, as scipy.stats.ttest_1samp has it."""
    logs = np.log(FIRST) - np.log(SECOND)
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.9)
    found = ratio_interval(FIRST, SECOND, confidence=0.9)
    assert bounds(found) == pytest.approx(
        (math.exp(expected.low), math.exp(logs.mean()), math.exp(expected.high))
    )
    assert (found.launches, found.degrees_of_freedom, found.confidence) == (4, 3, 0.9)
    assert found.standard_error == pytest.approx(stats.sem(logs))


def test_the_unpaired_interval_is_scipys() -> None:
    """Welch's t on the logs, as scipy.stats.ttest_ind has it, for sides of different length."""
    test = stats.ttest_ind(np.log(FIRST), np.log(SECOND[:3]), equal_var=False)
    expected = test.confidence_interval(0.95)
    found = unpaired_ratio_interval(FIRST, SECOND[:3])
    mean = np.log(FIRST).mean() - np.log(SECOND[:3]).mean()
    assert bounds(found) == pytest.approx(tuple(np.exp([expected.low, mean, expected.high])))
    assert found.degrees_of_freedom == pytest.approx(test.df)
    assert found.launches == 3


@pytest.mark.parametrize(
    "interval",
    [ratio_interval, unpaired_ratio_interval, difference_interval],
)
def test_fewer_than_two_launches_have_no_interval(interval: Callable[..., Interval]) -> None:
    """One launch gives an estimate alone, none gives nothing."""
    one, none = interval([3.0], [2.0]), interval([], [])
    assert one.estimate in (pytest.approx(1.5), pytest.approx(1.0))
    assert (one.low, one.high, one.launches) == (None, None, 1)
    assert (*bounds(none), none.launches) == (None, None, None, 0)


def test_two_launches_have_a_very_wide_interval() -> None:
    """One degree of freedom: two log-ratios 2 % apart leave 13 % either way."""
    found = ratio_interval([1.01, 0.99], [1.0, 1.0])
    assert found.log_half_width == pytest.approx(12.7062 * 0.01, rel=1e-3)


def test_launches_that_agree_exactly_have_no_width() -> None:
    """Identical pairs give a point, without a warning."""
    assert bounds(ratio_interval([2.0] * 3, [1.0] * 3)) == pytest.approx((2, 2, 2))
    assert bounds(unpaired_ratio_interval([2.0] * 3, [1.0] * 3)) == pytest.approx((2, 2, 2))


def test_an_interval_that_overflows_is_infinite() -> None:
    """Two wild launches end in infinity, not in an error."""
    assert ratio_interval([1e-200, 1e200], [1.0, 1.0]).high == math.inf


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_not_positive_is_refused(value: float) -> None:
    """The message names the value."""
    with pytest.raises(ValueError, match=f"positive finite values; found {value}"):
        ratio_interval([1.0, value], [1.0, 1.0])


def test_an_accuracy_that_is_not_a_number_is_refused() -> None:
    """A diverged launch must be set apart before, not averaged."""
    with pytest.raises(ValueError, match="finite values; found nan"):
        difference_interval([0.9, math.nan], [0.9, 0.9])


def test_pairs_need_two_sides() -> None:
    """Sides of different length cannot be paired."""
    with pytest.raises(ValueError, match="found 2 and 1"):
        ratio_interval([1.0, 2.0], [1.0])


def test_the_seeds_that_both_have_are_paired() -> None:
    """A seed that failed on one side is left out; the rest is in order."""
    assert common_seeds({2: 0.1, 0: 0.1, 1: 0.1}, {3: 0.2, 2: 0.2, 0: 0.2}) == [0, 2]


@untimed
@given(pairs_of_launches)
def test_swapping_the_sides_inverts_the_interval(pairs: list[tuple[float, float]]) -> None:
    """The interval of b ÷ a is that of a ÷ b upside down; of b - a, mirrored."""
    first, second = zip(*pairs, strict=True)
    for form in (ratio_interval, unpaired_ratio_interval):
        there, back = form(first, second), form(second, first)
        low, estimate, high = map(known, bounds(there))
        if low > 0 and known(back.low) > 0 and math.inf not in (high, back.high):
            assert bounds(back) == pytest.approx((1 / high, 1 / estimate, 1 / low))
    there, back = difference_interval(first, second), difference_interval(second, first)
    low, estimate, high = map(known, bounds(there))
    assert bounds(back) == (-high, -estimate, -low)


@untimed
@given(pairs_of_launches, st.floats(1e-3, 1e3))
def test_the_unit_of_time_does_not_matter(pairs: list[tuple[float, float]], factor: float) -> None:
    """Milliseconds give the ratio that seconds give."""
    first, second = zip(*pairs, strict=True)
    plain = ratio_interval(first, second)
    scaled = ratio_interval([factor * value for value in first], [factor * value for value in second])
    assert scaled.estimate == pytest.approx(plain.estimate)
    assert scaled.log_half_width == pytest.approx(plain.log_half_width, abs=1e-9)


@untimed
@given(pairs_of_launches, st.randoms(use_true_random=False))
def test_the_order_of_launches_does_not_matter(pairs: list[tuple[float, float]], chance: Random) -> None:
    """Shuffled pairs give the same interval to the last bit."""
    shuffled = chance.sample(pairs, len(pairs))
    assert ratio_interval(*zip(*shuffled, strict=True)) == ratio_interval(*zip(*pairs, strict=True))
