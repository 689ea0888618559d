"""Draws two charts of docs/distributed.md: the measured arms, and the model for more ranks."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import altair as alt

from compare.labels import Label
from compare.numbers import format_seconds
from compare.rendering import look
from compare.rendering.charts.frame import Chart, framed, row_labels, values, y_pixels
from tools.ranks.arms import SHOWN, TIMED
from tools.ranks.model import MEASURED, model, seconds_of
from tools.ranks.record import Launch

ROW, BAR = 58, 10
RANKS = (1, 2, 4, 8, 16)
HEIGHT = 240


def arms_chart(launches: Sequence[Launch]) -> Chart:
    """Draw a row for each arm: each framework has a bar for its median step, and a dot for each launch."""
    bars, dots, rows, numbers = [], [], [], []
    by_variant = {title(variant): seconds_of(launches, variant) for variant in timed(launches)}
    for place, arm in enumerate(SHOWN):
        texts = []
        for offset, (name, seconds) in enumerate(by_variant.items()):
            middle = median(seconds[arm.name])
            y = place * ROW + 28 + offset * (BAR + 3)
            bars.append({"y": y, "series": name, "start": 0, "ms": middle * 1000})
            dots += [{"y": y, "series": name, "ms": one * 1000} for one in seconds[arm.name]]
            texts.append(f"{name} {format_seconds(middle)}")
        rows.append({"y": place * ROW + 12, "title": arm.name, "value": ""})
        numbers.append((arm.name, ", ".join(texts)))
    height = ROW * len(SHOWN)
    x = alt.X("ms:Q", axis=alt.Axis(title="milliseconds a step", tickCount=6), scale=alt.Scale(zero=True))
    layers = [
        values(bars)
        .mark_bar(size=BAR)
        .encode(x, x2="start:Q", y=y_pixels(height), color=colours(by_variant)),
        values(dots)
        .mark_point(filled=True, size=18, opacity=1, color=look.INK)
        .encode(x, y=y_pixels(height)),
        *row_labels(rows, height),
    ]
    message = "Median step of each arm; a dot is one launch. " + "; ".join(
        f"{name}: {text}" for name, text in numbers
    )
    return Chart("ranks-arms", "What two CPUs can be spent on", message, framed(layers, height), numbers)


def model_chart(launches: Sequence[Launch]) -> Chart:
    """Return a line for each framework over the number of ranks, dashed if it was not measured."""
    found = {title(one): model(seconds_of(launches, one), launches[0].batch_size) for one in timed(launches)}
    points = [
        {"ranks": ranks, "series": name, "ms": one.step_seconds(ranks) * 1000}
        for name, one in found.items()
        for ranks in RANKS
    ]
    measured = [point for point in points if int(str(point["ranks"])) <= MEASURED]
    beyond = [point for point in points if int(str(point["ranks"])) >= MEASURED]
    x = alt.X(
        "ranks:Q",
        scale=alt.Scale(type="log", base=2, nice=False),
        axis=alt.Axis(title="ranks, each with a CPU of its own", values=list(RANKS), format="~d"),
    )
    y = alt.Y("ms:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title="milliseconds a step", tickCount=5))
    colour = colours(found)
    layers = [
        values(measured).mark_line(strokeWidth=2).encode(x, y, color=colour),
        values(beyond).mark_line(strokeWidth=2, strokeDash=[5, 4]).encode(x, y, color=colour),
        values(measured).mark_point(filled=True, size=55, opacity=1).encode(x, y, color=colour),
    ]
    numbers = [
        (name, ", ".join(f"{format_seconds(one.step_seconds(ranks))} at {ranks}" for ranks in RANKS))
        for name, one in found.items()
    ]
    message = "Step by the number of ranks; dashed: by the model, not measured. " + "; ".join(
        f"{name}: {text}" for name, text in numbers
    )
    return Chart("ranks-model", "More ranks, by the model", message, framed(layers, HEIGHT), numbers)


def timed(launches: Sequence[Launch]) -> list[str]:
    """Return the variants that were timed, TensorFlow's first."""
    held = {launch.variant for launch in launches}
    return [variant for variant in TIMED if variant in held]


def title(variant: str) -> str:
    """Return the variant's name as a reader knows it."""
    return Label.read(variant).title


def colours(series: Any) -> alt.Color:
    """Return one colour for each name, and a legend."""
    legend = alt.Legend(title=None, orient="top", symbolType="square", symbolStrokeWidth=0, columnPadding=24)
    shown = [look.TF if name.startswith("TensorFlow") else look.TORCH for name in series]
    return alt.Color("series:N", scale=alt.Scale(domain=list(series), range=shown), legend=legend)
