"""Formats numbers for a reader: pure functions from a value to text. Standard library only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compare.statistics.intervals import Interval

MINUS = "−"
LARGE_LOSS = 1000.0  # far above the first loss of any network that learns


def count(number: int, noun: str) -> str:
    """Return a number with a noun, whose last word gets the plural: `1 CPU`, `3 launches`, `1,000 steps`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number:,} {noun.removesuffix('y')}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('ch', 'sh', 's', 'x')) else 's'}"


def format_seconds(seconds: float) -> str:
    """Return three significant digits with a suitable unit: `24.8 ms`, `1.40 s`, `248 µs`, `161 s`."""
    if seconds < 0:
        return MINUS + format_seconds(-seconds)
    if seconds == 0:
        return "0 s"
    rounded = float(f"{seconds:.3g}")  # rounded before the unit is chosen: 0.9996 s is 1.00 s, not 1000 ms
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if rounded >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-9)} ns"


def format_joules(joules: float) -> str:
    """Return three significant digits with a suitable unit: `1.25 J`, `312 mJ`."""
    return f"{_three_digits(joules)} J" if joules >= 1 else f"{_three_digits(joules * 1e3)} mJ"


def format_duration(seconds: float) -> str:
    """Return minutes and seconds as on a clock, with hours if there are any: `2:41`, `1:02:41`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_bytes(count: float) -> str:
    """Return three significant digits in binary units: `912 B`, `1.25 GiB`, `910 MiB`."""
    size = float(count)
    if round(size) < 1024:
        return f"{size:.0f} B"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    for unit in units:
        size /= 1024
        if round(size) < 1024 or unit == units[-1]:
            break
    return f"{_three_digits(size)} {unit}"


def format_percent(fraction: float, decimals: int = 1, *, signed: bool = False) -> str:
    """Return a fraction in percent: `13.3 %`; with its sign if `signed`: `+5.0 %`."""
    return f"{_fixed(fraction * 100, decimals, signed=signed)} %"


def format_points(fraction: float, decimals: int = 2) -> str:
    """Return a difference of two fractions in percentage points, with its sign: `+0.02 points`."""
    return f"{_fixed(fraction * 100, decimals, signed=True)} points"


def format_ratio(interval: Interval) -> str:
    """Return `0.80× [0.77, 0.83]`, without brackets if there is no interval; empty without an estimate."""
    return " ".join(filter(None, ratio_parts(interval)))


def ratio_parts(interval: Interval) -> tuple[str, str]:
    """Return the ratio, and its interval in brackets. Either may be empty."""
    if interval.estimate is None:
        return "", ""
    decimals = ratio_decimals(interval)
    estimate = f"{_ratio_number(interval.estimate, decimals)}×"
    if interval.low is None or interval.high is None:
        return estimate, ""
    low, high = (_ratio_number(bound, decimals) for bound in (interval.low, interval.high))
    return estimate, f"[{low}, {high}]"


def format_difference(interval: Interval) -> str:
    """Return a difference of fractions in points: `+0.02 points [−0.06, +0.10]`; empty if there is none."""
    return " ".join(filter(None, difference_parts(interval)))


def difference_parts(interval: Interval) -> tuple[str, str]:
    """Return the difference in points, and the unit with the interval in brackets. Either may be empty."""
    if interval.estimate is None:
        return "", ""
    estimate = _fixed(interval.estimate * 100, 2, signed=True)
    if interval.low is None or interval.high is None:
        return estimate, "points"
    low, high = (_fixed(bound * 100, 2, signed=True) for bound in (interval.low, interval.high))
    return estimate, f"points [{low}, {high}]"


def format_loss(loss: float) -> str:
    """Return four decimals, as the tutorial printed, or three digits and an exponent if the loss is large."""
    return f"{loss:.4f}" if abs(loss) < LARGE_LOSS else f"{loss:.2e}"


def ratio_decimals(interval: Interval) -> int:
    """Return how many decimals show the interval's half-width in one digit: at least 2, at most 4.

    A half-width of 0.03 gives 2, and 0.003 gives 3. More decimals would show noise, fewer would hide the
    measurement. An interval without width gives 2.
    """
    if interval.low is None or interval.high is None:
        return 2
    half_width = (interval.high - interval.low) / 2
    if not 0 < half_width < math.inf:
        return 2
    return min(4, max(2, math.ceil(-math.log10(half_width))))


def _three_digits(value: float) -> str:
    """Return a positive number below 1,000 with three significant digits, without decimals from 100 on."""
    for decimals, limit in ((2, 10), (1, 100)):
        if round(value, decimals) < limit:
            return f"{value:.{decimals}f}"
    return f"{value:,.0f}"


def _fixed(value: float, decimals: int, *, signed: bool) -> str:
    """Return fixed decimals with a true minus sign. A value that rounds to zero has no sign."""
    text = f"{value:{'+' if signed else ''}.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("+-")
    return text.replace("-", MINUS)


def _ratio_number(value: float, decimals: int) -> str:
    """Return fixed decimals near 1, three digits far above 1, and at least one digit far below 1."""
    if math.isinf(value):
        return "∞"
    if value >= 10:
        return _three_digits(value)
    text = f"{value:.{decimals}f}"
    return f"{value:.1g}" if float(text) == 0 < value else text
