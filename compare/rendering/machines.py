"""Renders the report of several machines: a row for each, their mean, and a prediction for another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from compare.findings.findings import Findings
from compare.findings.machines import AcrossMachines
from compare.labels import Label
from compare.numbers import count, format_ratio, format_seconds
from compare.rendering import look
from compare.rendering.charts.frame import Chart, framed, row_labels, slug, values, y_pixels
from compare.rendering.charts.timing import RATIO_ROW, band, has_interval, ratio_axis
from compare.rendering.groups import groups
from compare.rendering.verdicts import Verdict, speed_up
from compare.statistics.intervals import Interval
from compare.statistics.machine_wording import machines_sentence
from compare.statistics.verdicts import ratio_kind

POOLED, PREDICTED = "all machines", "one more machine"


@dataclass(frozen=True)
class Row:
    """A row of the chart: a machine, the mean of all machines, or the prediction."""

    title: str
    value: str
    estimate: float | None
    low: float
    high: float
    kind: str  # machine, pooled or predicted


def headlines(compared: Sequence[AcrossMachines]) -> list[Verdict]:
    """Return, for each device, a sentence on the first comparison across the frameworks, with its figure."""
    chosen: dict[str, AcrossMachines] = {}
    for one in sorted(compared, key=lambda one: one.baseline.framework == one.other.framework):
        chosen.setdefault(one.other.device, one)
    return [verdict(one) for one in chosen.values()]


def verdict(one: AcrossMachines) -> Verdict:
    pooled = one.machines.pooled
    figure = speed_up(ratio_kind(pooled), pooled) if pooled else ("", "")
    return Verdict(machines_sentence(one.machines, name(one.other), name(one.baseline)), *figure)


def name(label: Label) -> str:
    return label.title if label.device == "cpu" else label.full_title


def title(one: AcrossMachines) -> str:
    return f"{name(one.other)} against {name(one.baseline)}"


def header(one: AcrossMachines) -> list[str]:
    return ["machine", "launches", name(one.baseline), name(one.other), "ratio of step times"]


def table(one: AcrossMachines, found: Mapping[str, Findings]) -> list[list[str]]:
    """Return a row for each machine, and one for all machines together if there are enough."""
    rows = []
    for machine, interval in one.machines.by_machine.items():
        times = {group.label.of(""): group.step_seconds for group in groups([found[machine]])}
        cells = [seconds_cell(times.get(label)) for label in (one.baseline, one.other)]
        rows.append([machine, str(interval.launches), *cells, format_ratio(interval)])
    if one.machines.pooled is not None and one.machines.prediction is not None:
        low, high = one.machines.prediction
        machines = count(one.machines.pooled.launches, "machine")
        rows.append([POOLED, machines, "", "", format_ratio(one.machines.pooled)])
        rows.append([PREDICTED, "", "", "", f"{low:.2f}× to {high:.2f}×"])
    return rows


def seconds_cell(seconds: float | None) -> str:
    return "" if seconds is None else format_seconds(seconds)


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


def page_values(compared: Sequence[AcrossMachines], found: Mapping[str, Findings]) -> dict[str, Any]:
    """Return the part of the page for several machines: a table for each comparison."""
    return {
        "machine_tables": [(title(one), header(one), table(one, found)) for one in compared],
    }
