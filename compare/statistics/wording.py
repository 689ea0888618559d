"""Writes the words and the sentence of a verdict, with pure functions."""

from __future__ import annotations

import math
from typing import Literal

from compare.numbers import (
    count,
    format_difference,
    format_percent,
    format_points,
    format_ratio,
    ratio_decimals,
    ratio_parts,
)
from compare.statistics.intervals import Interval
from compare.statistics.sample_size import MINIMUM_LAUNCHES, MOST_LAUNCHES

Kind = Literal["faster", "slower", "no_difference", "equivalent", "differ", "not_enough"]


def ratio_words(kind: Kind, interval: Interval) -> str:
    """Return `1.25× as fast`, below 1 if it is slower, with as many digits as the interval allows."""
    if kind == "no_difference":
        return "no difference"
    if kind == "not_enough":
        return "not enough launches to say"
    return f"{ratio_parts(interval.inverse())[0]} as fast"


def ratio_sentence(
    kind: Kind,
    interval: Interval,
    more: int | None,
    *,
    other: str,
    baseline: str,
    smallest: float,
    quantity: str = "step time",
) -> str:
    """Return a sentence that names the faster side first. interval: other ÷ baseline of the quantity."""
    size = _size(f"{quantity} {format_ratio(interval)}", interval, "launch")
    if kind == "no_difference":
        left_open = _left_open(interval, more, smallest)
        return f"No difference between {other} and {baseline}: {size}{left_open}."
    if kind == "not_enough":
        plan = _plan(interval, more, "launch")
        return f"Not enough launches to say which of {other} and {baseline} is faster: {size}{plan}."
    swapped = kind == "slower"
    fast, slow = (baseline, other) if swapped else (other, baseline)
    times = interval if swapped else interval.inverse()  # slow ÷ fast
    estimate, bounds = ratio_parts(times)
    decimals = ratio_decimals(interval) - 2
    return (
        f"{fast} is {estimate} as fast as {slow} {bounds}: {quantity} "
        f"{format_percent(1 - 1 / (times.estimate or 1), decimals)} shorter, "
        f"{count(interval.launches, 'launch')} on this machine."
    )


def accuracy_words(kind: Kind, interval: Interval, margin: float) -> str:
    """Return `equivalent within 0.2 points`, `differ by 0.45 points`, or that the seeds are not enough."""
    if kind == "equivalent":
        return f"equivalent within {margin * 100:g} points"
    if kind == "differ":
        return f"differ by {format_points(abs(interval.estimate or 0)).lstrip('+')}"
    return "not enough seeds to say"


def accuracy_sentence(
    kind: Kind, interval: Interval, more: int | None, *, other: str, baseline: str, margin: float
) -> str:
    size = _size(f"test accuracy {format_difference(interval)}", interval, "seed")
    if kind == "equivalent":
        return f"{other} and {baseline} are {accuracy_words(kind, interval, margin)}: {size}."
    if kind == "differ":
        return f"{other} and {baseline} {accuracy_words(kind, interval, margin)}: {size}."
    question = f"{other} and {baseline} are {accuracy_words('equivalent', interval, margin)}"
    return f"Not enough seeds to say whether {question}: {size}{_plan(interval, more, 'seed')}."


def _size(text: str, interval: Interval, noun: str) -> str:
    if interval.estimate is None:
        return f"no {noun} of both"
    where = " on this machine" if noun == "launch" else ""  # another machine can give another ratio
    return f"{text}, {count(interval.launches, noun)}{where}"


def _left_open(interval: Interval, more: int | None, smallest: float) -> str:
    """Return what "no difference" does not exclude: a difference below 2 %, one up to a limit, or nothing."""
    reach = interval.log_distance + interval.log_half_width
    matters = f"{smallest * 100:g} %"
    if reach > math.log1p(smallest):
        text = f"; up to {format_percent(math.expm1(reach))} is not excluded"
        return text if more is None else f"{text}, {_about(more, 'launch')} would narrow it to ±{matters}"
    sure = interval.log_half_width < interval.log_distance
    return f"; the difference is certain, but below the {matters} that matters" if sure else ""


def _plan(interval: Interval, more: int | None, noun: str) -> str:
    """Return the advice for "not enough". Below the minimum, no number of launches can be estimated."""
    if more is None:
        return ""
    if interval.launches < MINIMUM_LAUNCHES:
        return f"; take at least {count(more, f'more {noun}')}"
    return f"; {_about(more, noun)} would settle it"


def _about(more: int, noun: str) -> str:
    return f"{'about' if more < MOST_LAUNCHES else 'at least'} {count(more, f'more {noun}')}"
