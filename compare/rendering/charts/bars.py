"""Draws stacked bars, one row per variant, for every chart that explains a step time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from compare.rendering import look
from compare.rendering.charts.frame import (
    Chart,
    all_or_extremes,
    framed,
    framework_colour,
    row_labels,
    values,
    y_pixels,
)
from compare.rendering.groups import Group

ROW = 52
BAR = 16
SHADES = (1.0, 0.72, 0.48, 0.3, 0.18, 0.1)
Parts = dict[str, float]


@dataclass(frozen=True)
class Quantity:
    """The measure of the bars. `of` returns a group's parts; none if the group was not measured."""

    name: str
    title: str
    of: Callable[[Group], Parts]
    axis: str
    text: Callable[[float], str]
    note: str = ""
    whole: float | None = None  # the least length of the axis
    axis_format: str | None = None


def bars(groups: Sequence[Group], quantity: Quantity) -> list[Chart]:
    """Draw one stacked bar per group, in shades of its framework's colour; no chart if no group has parts."""
    shown = [(group, parts) for group in groups if (parts := quantity.of(group))]
    if not shown:
        return []
    height = ROW * len(shown)
    rows, labels = bar_rows(shown, quantity.text)
    layers = [bar_layer(rows, quantity, height), *row_labels(labels, height)]
    sums = [sum(parts.values()) for _, parts in shown]
    totals = [(label["title"], label["value"], total) for label, total in zip(labels, sums, strict=True)]
    numbers = [
        (title, value + spelled(parts, quantity.text))
        for (title, value, _), (_, parts) in zip(totals, shown, strict=True)
    ]
    message = f"{quantity.title}: {all_or_extremes(totals)}. {quantity.note}".strip()
    return [Chart(quantity.name, quantity.title, message, framed(layers, height), numbers)]


def bar_layer(rows: Sequence[dict[str, Any]], quantity: Quantity, height: int) -> alt.Chart:
    scale = alt.Scale(zero=True)
    if quantity.whole is not None:
        scale = alt.Scale(domain=[0, max(quantity.whole, *(row["end"] for row in rows))])
    axis = alt.Axis(title=quantity.axis, tickCount=5, format=quantity.axis_format or alt.Undefined)
    return (
        values(rows)
        .mark_bar(size=BAR)
        .encode(
            alt.X("start:Q", axis=axis, scale=scale),
            x2="end:Q",
            y=y_pixels(height),
            color=framework_colour(),
            opacity=shades(rows),
            tooltip=[alt.Tooltip("part:N"), alt.Tooltip("amount:N")],
        )
    )


def shades(rows: Sequence[dict[str, Any]]) -> alt.Opacity:
    """Return an opacity scale from dark to pale, with a legend if there are several parts."""
    names = list(dict.fromkeys(row["part"] for row in rows))
    legend = alt.Legend(
        title=None,
        orient="top",
        symbolType="square",
        symbolFillColor=look.INK,
        symbolStrokeWidth=0,
        columns=4,
    )
    shade = [SHADES[min(i, len(SHADES) - 1)] for i in range(len(names))]
    return alt.Opacity(
        "part:N",
        scale=alt.Scale(type="ordinal", domain=names, range=shade),
        sort=names,
        legend=legend if len(names) > 1 else None,
    )


def spelled(parts: Parts, text: Callable[[float], str]) -> str:
    if len(parts) == 1:
        return ""
    return " (" + ", ".join(f"{name} {text(value)}" for name, value in parts.items()) + ")"


def bar_rows(
    shown: Sequence[tuple[Group, Parts]], text: Callable[[float], str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a mark for each part, a label for each group."""
    rows, labels = [], []
    for number, (group, parts) in enumerate(shown):
        end = 0.0
        for name, value in parts.items():
            start, end = end, end + value
            place = {"y": number * ROW + 32, "framework": group.framework, "start": start, "end": end}
            rows.append({**place, "part": name, "amount": text(value)})
        labels.append({"y": number * ROW + 12, "title": group.title, "value": text(end)})
    return rows, labels
