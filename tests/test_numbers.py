"""Numbers read well at every size, and show no digit that was not measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.numbers import (
    format_bytes,
    format_difference,
    format_duration,
    format_joules,
    format_percent,
    format_points,
    format_ratio,
    format_seconds,
    ratio_decimals,
)
from compare.statistics.intervals import Interval


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0248, "24.8 ms"),
        (0.031, "31.0 ms"),
        (1.4, "1.40 s"),
        (0.000248, "248 µs"),
        (161.4, "161 s"),
        (12345, "12,345 s"),
        (3.2e-9, "3.20 ns"),
        (0.9996, "1.00 s"),
        (0.0009994, "999 µs"),
        (9.996e-3, "10.0 ms"),
        (0.09996, "100 ms"),
        (0.0, "0 s"),
        (-0.0248, "−24.8 ms"),
    ],
)
def test_seconds_in_three_digits(seconds: float, text: str) -> None:
    """The unit suits the size, also where rounding reaches the next."""
    assert format_seconds(seconds) == text


@given(st.floats(1e-9, 999))
def test_seconds_keep_their_value(seconds: float) -> None:
    """What is shown is within half of the third digit of what was measured."""
    number, unit = format_seconds(seconds).split()
    shown = float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert shown == pytest.approx(seconds, rel=0.0051)
    assert 1 <= float(number) < 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(161, "2:41"), (0.4, "0:00"), (59.6, "1:00"), (3599.7, "1:00:00"), (3761, "1:02:41")],
)
def test_durations_as_on_a_clock(seconds: float, text: str) -> None:
    """Minutes and seconds; hours only where there are any."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (912, "912 B"),
        (1023.7, "1.00 KiB"),
        (910 * 2**20, "910 MiB"),
        (1.25 * 2**30, "1.25 GiB"),
        (1010 * 2**20, "1,010 MiB"),
        (2**30 - 1, "1.00 GiB"),
        (5000 * 2**50, "5,000 PiB"),
    ],
)
def test_bytes_in_binary_units(count: float, text: str) -> None:
    """Three digits, also where rounding reaches the next unit."""
    assert format_bytes(count) == text


def test_percent_and_points() -> None:
    """A space before the sign, a true minus, and no sign for what rounds to zero."""
    assert format_percent(0.133) == "13.3 %"
    assert format_percent(0.05, 0, signed=True) == "+5 %"
    assert format_percent(-0.05) == "−5.0 %"
    assert format_percent(-0.0001) == "0.0 %"
    assert format_points(0.0002) == "+0.02 points"
    assert format_points(-0.00001) == "0.00 points"


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.8, 0.77, 0.83, 3), "0.80× [0.77, 0.83]"),
        (Interval(1.0012, 0.9989, 1.0035, 10), "1.001× [0.999, 1.004]"),
        (Interval(1.00012, 0.99989, 1.00035, 10), "1.0001× [0.9999, 1.0004]"),
        (Interval(1.0, 0.999999, 1.000001, 10), "1.0000× [1.0000, 1.0000]"),
        (Interval(2.5, 1.1, 5.7, 3), "2.50× [1.10, 5.70]"),
        (Interval(2.0, 2.0, 2.0, 3), "2.00× [2.00, 2.00]"),
        (Interval(24.83, 20.4, 30.2, 3), "24.8× [20.4, 30.2]"),
        (Interval(1.0, 0.0003, 3000.0, 2), "1.00× [0.0003, 3,000]"),
        (Interval(1.0, 0.0, math.inf, 2), "1.00× [0.00, ∞]"),
        (Interval(0.8, None, None, 1), "0.80×"),
        (Interval(None, None, None, 0), ""),
    ],
)
def test_a_ratio_shows_the_digits_that_its_interval_allows(interval: Interval, text: str) -> None:
    """Two decimals, or as many as the half-width needs; nothing where there is nothing."""
    assert format_ratio(interval) == text


@given(st.floats(1e-5, 0.5))
def test_the_half_width_is_never_hidden_nor_drowned(half_width: float) -> None:
    """One unit of the last digit is at most the half-width, as far as 4 decimals go."""
    unit = 10.0 ** -ratio_decimals(Interval(1.0, 1 - half_width, 1 + half_width, 3))
    assert unit <= half_width * (1 + 1e-9) or unit == pytest.approx(1e-4)
    assert unit >= half_width / 10 * (1 - 1e-9) or unit == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.0002, -0.0006, 0.0010, 3), "+0.02 points [−0.06, +0.10]"),
        (Interval(0.0002, None, None, 1), "+0.02 points"),
        (Interval(None, None, None, 0), ""),
    ],
)
def test_a_difference_in_points(interval: Interval, text: str) -> None:
    """Signs on every number, brackets only where there is an interval."""
    assert format_difference(interval) == text


@pytest.mark.parametrize(
    ("joules", "text"), [(1.5, "1.50 J"), (42.0, "42.0 J"), (0.0312, "31.2 mJ"), (0.0, "0.00 mJ")]
)
def test_joules_in_three_digits(joules: float, text: str) -> None:
    """A step of a card takes less than a joule, and is shown in millijoules."""
    assert format_joules(joules) == text
