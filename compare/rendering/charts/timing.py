"""Draws the step time of each launch, and the ratio of variants with the band of no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import altair as alt

from compare.findings.comparisons import Compared
from compare.findings.findings import Findings
from compare.numbers import format_percent, format_ratio, format_seconds
from compare.rendering import look
from compare.rendering.charts.frame import (
    LABEL_HEIGHT,
    Chart,
    all_or_extremes,
    framed,
    framework_colour,
    row_labels,
    slug,
    values,
    y_pixels,
)
from compare.rendering.groups import Group, Panel, device_panels
from compare.rendering.thinning import quantiles
from compare.statistics.intervals import Interval
from compare.statistics.verdicts import SMALLEST_DIFFERENCE

ROW_GAP = 14
RATIO_ROW = 46


def step_times(found: Sequence[Findings]) -> list[Chart]:
    """Draw one chart per device with the distribution of every launch, so that launches can be compared."""
    charts = []
    for panel in device_panels(found):
        timed = [group for group in panel.groups if group.step_seconds is not None]
        if timed:
            charts.append(step_time_chart(timed, panel))
    return charts


def step_time_chart(timed: list[Group], panel: Panel) -> Chart:
    launches, rows, height = launch_rows(timed)
    limit = axis_limit(launches)
    for mark in launches:
        mark["shown"] = min(mark["high"], limit)
    base = values(launches).encode(y=y_pixels(height), color=framework_colour())
    axis = alt.Axis(title="milliseconds a step", tickCount=6)
    scale = alt.Scale(domain=[0, limit], nice=False, clamp=True)
    tips = [alt.Tooltip(f"{name}:Q", title=title, format=".4~g") for name, title in TIPS.items()]
    layers = [
        base.mark_rule(strokeWidth=1.5, opacity=0.4).encode(
            alt.X("low:Q", axis=axis, scale=scale), x2="shown:Q"
        ),
        base.mark_rule(strokeWidth=6, opacity=0.4).encode(x="q1:Q", x2="q3:Q", tooltip=["seed:N", *tips]),
        base.mark_tick(thickness=2.5, size=9).encode(x="median:Q"),
        *row_labels(rows, height),
    ]
    return Chart(
        f"step-time-{slug(panel.name)}",
        f"Step time of every launch{panel.suffix}",
        step_time_message(timed) + (CUT if any(mark["high"] > limit for mark in launches) else ""),
        framed(layers, height),
        [(group.title, step_time_numbers(group)) for group in timed],
    )


CUT = " A line that reaches the right edge continues: some steps of its launch were far slower than the rest."


def axis_limit(launches: list[dict[str, Any]]) -> float:
    """Return the end of the axis: it includes every bar and most lines, but not one launch's long tail."""
    reach = max(mark["high"] for mark in launches)
    needed = max(*(mark["q3"] for mark in launches), 2 * max(mark["median"] for mark in launches))
    return float(min(reach, needed)) * 1.03


TIPS = {"median": "median, ms", "q1": "lower quartile", "q3": "upper quartile", "high": "95 % are below"}


def launch_rows(timed: list[Group]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Return a mark for each launch (milliseconds), a label for each group, and the height in pixels."""
    launches: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    y = LABEL_HEIGHT // 2
    thickness = 12 if max(len(group.runs) for group in timed) <= 5 else 9
    for group in timed:
        labels.append({"y": y, "title": group.title, "value": format_seconds(group.step_seconds or 0)})
        y += LABEL_HEIGHT
        for run in group.runs:
            if run.timed_seconds:
                marks = quantiles([seconds * 1000 for seconds in run.timed_seconds])
                launches.append({"y": y, "framework": group.framework, "seed": run.seed, **marks})
                y += thickness
        y += ROW_GAP
    return launches, labels, y - ROW_GAP // 2


def step_time_message(timed: list[Group]) -> str:
    facts = all_or_extremes(
        [(group.title, format_seconds(group.step_seconds or 0), group.step_seconds or 0) for group in timed]
    )
    return (
        f"Median step: {facts}. Each launch has one line: the tick is the median, the bar the middle half, "
        "and the thin line the 5th to 95th percentile. The warm-up is left out."
    )


def step_time_numbers(group: Group) -> str:
    medians = [median(run.timed_seconds) for run in group.runs if run.timed_seconds]
    low, high = format_seconds(min(medians)), format_seconds(max(medians))
    slowest = max(quantiles(run.timed_seconds)["high"] for run in group.runs if run.timed_seconds)
    text = format_seconds(median(medians)) + (f", launches from {low} to {high}" if low != high else "")
    return f"{text}, 95th percentile up to {format_seconds(slowest)}"


def ratios(found: Sequence[Findings]) -> list[Chart]:
    """Return a chart for each baseline, with every step-time comparison that has an interval."""
    shown: dict[str, list[Compared]] = {}
    for one in found:
        for compared in one.comparisons:
            if compared.metric == "step_seconds" and has_interval(compared.verdict.interval):
                named = replace(compared, other=compared.other.of(one.name))
                shown.setdefault(compared.baseline.entry, []).append(named)
    several = len({compared.other.device for each in shown.values() for compared in each}) > 1
    return [
        ratio_chart("ratio" if number == 0 else f"ratio-{slug(baseline)}", each, several=several)
        for number, (baseline, each) in enumerate(shown.items())
    ]


def ratio_chart(name: str, shown: list[Compared], *, several: bool) -> Chart:
    """Draw the comparisons with one baseline, and the band in which no variant wins."""
    baseline = shown[0].baseline.title
    height = RATIO_ROW * len(shown)
    points = [ratio_point(number, compared, several=several) for number, compared in enumerate(shown)]
    base = values(points).encode(y=y_pixels(height), color=framework_colour())
    layers = [
        *band(ratio_axis(points)),
        base.mark_rule(strokeWidth=2.5).encode(ratio_axis(points), x2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(x="estimate:Q", tooltip=RATIO_TIPS),
        *row_labels([{**point, "y": point["y"] - 18} for point in points], height),
    ]
    facts = all_or_extremes([(point["title"], point["value"], point["estimate"]) for point in points])
    message = (
        f"Step time divided by that of {baseline}, with its 95 % interval: {facts}. "
        f"The grey band, ±{format_percent(SMALLEST_DIFFERENCE, 0)}, is the smallest difference that matters."
    )
    numbers = [(point["title"], point["value"]) for point in points]
    return Chart(name, f"Step time against {baseline}", message, framed(layers, height), numbers)


RATIO_TIPS = [alt.Tooltip("title:N", title="variant"), alt.Tooltip("value:N", title="ratio")]


def has_interval(interval: Interval) -> bool:
    """Return whether there is an interval that can be drawn."""
    bounds = (interval.estimate, interval.low, interval.high)
    return all(bound is not None and 0 < bound < math.inf for bound in bounds)


def ratio_point(number: int, compared: Compared, *, several: bool) -> dict[str, Any]:
    interval = compared.verdict.interval
    return {
        "y": number * RATIO_ROW + 28,
        "framework": compared.other.framework,
        "title": compared.other.full_title if several else compared.other.title,
        "value": format_ratio(interval),
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }


def ratio_axis(points: list[dict[str, Any]]) -> alt.X:
    low = min(0.9, *(point["low"] for point in points)) * 0.97
    high = max(1.1, *(point["high"] for point in points)) * 1.03
    return alt.X(
        "low:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(
            title="← faster · ratio · slower →",
            format="~g",
            values=ratio_ticks(low, high),
        ),
    )


def ratio_ticks(low: float, high: float) -> list[float]:
    """Return ticks from 1 outwards, at least a ninth of the axis apart: tenths, then halves and wholes."""
    candidates = (
        [n / 10 for n in range(1, 20)] + [n / 2 for n in range(4, 10)] + [float(n) for n in range(5, 100)]
    )
    room = math.log(high / low) / 9
    kept = [1.0]
    for tick in sorted(candidates, key=lambda tick: abs(math.log(tick))):
        if low <= tick <= high and all(abs(math.log(tick / other)) >= room for other in kept):
            kept.append(tick)
    return sorted(kept)


def band(axis: alt.X) -> list[alt.Chart]:
    edges = [{"low": 1 / (1 + SMALLEST_DIFFERENCE), "high": 1 + SMALLEST_DIFFERENCE}]
    one = alt.Chart(alt.Data(values=[{"low": 1}]))
    return [
        alt.Chart(alt.Data(values=edges)).mark_rect(color=look.BAND).encode(axis, x2="high:Q"),
        one.mark_rule(color=look.MUTED, strokeWidth=1).encode(x="low:Q"),
    ]
