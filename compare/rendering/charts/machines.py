"""Draws each machine's ratio, the mean of all, and where one more machine can be expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from compare.findings.machines import AcrossMachines
from compare.numbers import format_ratio
from compare.rendering import look
from compare.rendering.charts.frame import Chart, framed, row_labels, slug, values, y_pixels
from compare.rendering.charts.timing import RATIO_ROW, band, has_interval, ratio_axis
from compare.rendering.machines import POOLED, PREDICTED, name, title
from compare.statistics.intervals import Interval


@dataclass(frozen=True)
class Row:
    """A row of the chart: a machine, the mean of all machines, or the prediction."""

    title: str
    value: str
    estimate: float | None
    low: float
    high: float
    kind: str  # machine, pooled or predicted


def charts(compared: Sequence[AcrossMachines]) -> list[Chart]:
    return [chart(one) for one in compared if any(map(has_interval, one.machines.by_machine.values()))]


def chart(one: AcrossMachines) -> Chart:
    """Draw a row for each machine, and below them the mean and the prediction."""
    rows = chart_rows(one)
    points = [
        {"y": number * RATIO_ROW + 28, **vars(row), "middle": row.estimate} for number, row in enumerate(rows)
    ]
    height = RATIO_ROW * len(rows)
    base = values(points).encode(y=y_pixels(height))
    axis = ratio_axis(points)
    dash = alt.condition("datum.kind == 'predicted'", alt.value([4, 3]), alt.value([1, 0]))
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["machine", "pooled", "predicted"], range=[look.TORCH, look.INK, look.MUTED]),
        legend=None,
    )
    marks = values([point for point in points if point["middle"] is not None])
    layers = [
        *band(axis),
        base.mark_rule(strokeWidth=2.5).encode(axis, x2="high:Q", strokeDash=dash, color=colour),
        marks.mark_point(filled=True, size=70, opacity=1).encode(
            x="middle:Q", y=y_pixels(height), color=colour, tooltip=["title:N", "value:N"]
        ),
        *row_labels([{**point, "y": point["y"] - 18} for point in points], height),
    ]
    return Chart(
        slug(f"machines-{one.baseline}-{one.other}"),
        f"{title(one)}, machine by machine",
        message(one),
        framed(layers, height),
        [(row.title, row.value) for row in rows],
    )


def message(one: AcrossMachines) -> str:
    text = (
        f"Step time of {name(one.other)} divided by that of {name(one.baseline)} on each machine, with its "
        "95 % interval over launches there."
    )
    if one.machines.pooled is None:
        return text
    return (
        f"{text} The line below shows the mean over machines with its interval. The dashed line shows where "
        "one more machine would be in 95 of 100 cases."
    )


def chart_rows(one: AcrossMachines) -> list[Row]:
    rows = [
        row(machine, interval, "machine")
        for machine, interval in one.machines.by_machine.items()
        if has_interval(interval)
    ]
    if one.machines.pooled is not None and has_interval(one.machines.pooled):
        rows.append(row(POOLED, one.machines.pooled, "pooled"))
    if one.machines.prediction is not None and all(0 < end < math.inf for end in one.machines.prediction):
        low, high = one.machines.prediction
        rows.append(Row(PREDICTED, f"{low:.2f}× to {high:.2f}×", None, low, high, "predicted"))
    return rows


def row(title: str, interval: Interval, kind: str) -> Row:
    low, high = interval.low or 0.0, interval.high or 0.0
    return Row(title, format_ratio(interval), interval.estimate, low, high, kind)
