"""How many more launches: the smallest number that does it, from the spread so far."""

import math

import pytest
from scipy import stats

from compare.statistics.intervals import ratio_interval, unpaired_ratio_interval
from compare.statistics.sample_size import MOST_LAUNCHES, launches_needed
from tests.known import known

RATIOS = [1.03, 0.97, 1.00]
ONES = [1.0, 1.0, 1.0]


@pytest.mark.parametrize("half_width", [0.05, 0.02, 0.01])
def test_it_is_the_smallest_number_that_is_enough(half_width: float) -> None:
    """That many more reach the half-width, one fewer do not."""
    interval = ratio_interval(RATIOS, ONES)
    spread = known(interval.standard_error) * math.sqrt(3)

    def planned(launches: int) -> float:
        return float(stats.t.ppf(0.975, launches - 1)) * spread / math.sqrt(launches)

    total = 3 + known(launches_needed(interval, half_width))
    assert planned(total) <= half_width < planned(total - 1)


def test_an_interval_that_is_narrow_enough_needs_none() -> None:
    """Zero, not a negative number."""
    interval = ratio_interval(RATIOS, ONES)
    assert launches_needed(interval, interval.log_half_width + 1e-12) == 0


def test_less_confidence_needs_fewer() -> None:
    """90 % is reached before 95 %."""
    interval = ratio_interval(RATIOS, ONES)
    assert known(launches_needed(interval, 0.02, confidence=0.9)) < known(launches_needed(interval, 0.02))


def test_unpaired_launches_gain_degrees_of_freedom_in_proportion() -> None:
    """Two sides that vary alike count as they would in a pooled test."""
    interval = unpaired_ratio_interval(RATIOS, [1.0, 1.03, 0.97])
    total = 3 + known(launches_needed(interval, 0.02))
    planned = stats.t.ppf(0.975, 2 * total - 2) * known(interval.standard_error) * math.sqrt(3 / total)
    assert planned == pytest.approx(0.02, rel=0.05)


def test_nothing_can_be_planned_from_one_launch() -> None:
    """Without a spread there is no number."""
    assert launches_needed(ratio_interval([1.0], [1.0]), 0.02) is None


@pytest.mark.parametrize("half_width", [1e-9, 0.0])
def test_what_no_number_reaches_is_capped(half_width: float) -> None:
    """The cap stands for "so many or more"."""
    assert launches_needed(ratio_interval(RATIOS, ONES), half_width) == MOST_LAUNCHES
