"""Test accuracy of every seed, and how far apart the two loss curves are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import altair as alt

from compare.rendering import tables
from compare.rendering.charts.frame import (
    Chart,
    decades,
    framed,
    framework_colour,
    row_labels,
    slug,
    spoken,
    values,
    y_pixels,
)
from compare.rendering.groups import Group, devices, groups, pair, suffix
from compare.rendering.look import DASHES, Look
from compare.rendering.thinning import evenly, median_over, significant
from compare.results import Results

ROW = 44


def test_accuracy(results: Results, look: Look) -> list[Chart]:
    tested = [group for group in groups(results) if any(run.test_accuracy is not None for run in group.runs)]
    if not tested:
        return []
    seeds, means, rows = accuracy_rows(tested)
    height = ROW * len(tested)
    x = alt.X(
        "accuracy:Q",
        scale=alt.Scale(zero=False, padding=12),
        axis=alt.Axis(title="test accuracy", format=".2~%", tickCount=5),
    )
    place = y_pixels(height)
    layers = [
        values(means).mark_tick(thickness=2, size=20).encode(x, place, color=framework_colour(look)),
        values(seeds)
        .mark_point(filled=True, size=55, opacity=0.65)
        .encode(
            x,
            place,
            color=framework_colour(look),
            tooltip=["seed:N", alt.Tooltip("accuracy:Q", title="test accuracy", format=".2%")],
        ),
        *row_labels(rows, height, look),
    ]
    facts = spoken(
        [(row["title"], row["value"], mean["accuracy"]) for row, mean in zip(rows, means, strict=True)]
    )
    message = f"Test accuracy: {facts}. A dot is one seed, the tick their mean."
    numbers = [(row["title"], row["value"]) for row in rows]
    return [Chart("test-accuracy", "Test accuracy by seed", message, framed(layers, look, height), numbers)]


Rows = list[dict[str, Any]]


def accuracy_rows(tested: Sequence[Group]) -> tuple[Rows, Rows, Rows]:
    """A dot for each seed, a tick for each mean, a label for each group."""
    seeds, means, labels = [], [], []
    for number, group in enumerate(tested):
        place = {"y": number * ROW + 28, "framework": group.framework}
        found = [(run.seed, run.test_accuracy) for run in group.runs if run.test_accuracy is not None]
        seeds += [{**place, "seed": seed, "accuracy": accuracy} for seed, accuracy in found]
        means.append({**place, "accuracy": fmean(accuracy for _, accuracy in found)})
        labels.append(
            {"y": number * ROW + 10, "title": group.title, "value": tables.accuracy_cell(group.runs)}
        )
    return seeds, means, labels


def divergence(results: Results, look: Look) -> list[Chart]:
    """|loss difference| of the two frameworks a step, beside the noise floor where parity measured one."""
    charts = []
    for device in devices(results):
        curves = {}
        first = pair(groups(results, device))
        gap = loss_gap(*first) if len(first) == 2 else []
        if any(gap):
            curves["between the frameworks"] = gap
            curves |= noise_floor(results.parity)
            charts.append(divergence_chart(curves, device, suffix(results, device), look))
    return charts


def first_gap(value: float) -> str:
    return f"{value:.1e}" if value else "none"


def loss_gap(one: Group, other: Group) -> list[float]:
    """The absolute difference of the losses a step, the median over the seeds that both have."""
    others = {run.seed: run.losses for run in other.runs}
    gaps = [
        [abs(a - b) for a, b in zip(run.losses, others[run.seed], strict=False)]
        for run in one.runs
        if run.seed in others
    ]
    return median_over(gaps)


def noise_floor(parity: Mapping[str, Any] | None) -> dict[str, list[float]]:
    """The divergences that the parity gate recorded, by name; empty where it recorded none."""
    recorded = (parity or {}).get("noise_floor") or {}
    if isinstance(recorded, list):
        recorded = {"one framework against itself": recorded}
    if not isinstance(recorded, Mapping):
        return {}
    return {
        str(name): [float(value) for value in curve]
        for name, curve in recorded.items()
        if isinstance(curve, list) and curve and all(isinstance(value, int | float) for value in curve)
    }


def divergence_chart(curves: dict[str, list[float]], device: str, suffix: str, look: Look) -> Chart:
    names = list(curves)
    points: Rows = [
        {"step": i, "gap": significant(curve[i], 4), "series": name}
        for name, curve in curves.items()
        for i in evenly(len(curve))
        if curve[i] > 0  # equal losses have no place on a logarithmic axis
    ]
    shown = [point["gap"] for point in points]
    ticks = decades([min(shown) / 2, max(shown) * 2])
    ticks = ticks[:: 1 + len(ticks) // 8]
    legend = alt.Legend(title=None, orient="top", columns=1, symbolType="stroke") if len(names) > 1 else None
    colours = alt.Scale(domain=names, range=[look.ink] + [look.muted] * (len(names) - 1))
    dashes = alt.Scale(domain=names, range=[DASHES[i % len(DASHES)] for i in range(len(names))])
    line = (
        values(points)
        .mark_line(strokeWidth=1.6)
        .encode(
            alt.X("step:Q", axis=alt.Axis(tickCount=5), scale=alt.Scale(nice=False)),
            alt.Y(
                "gap:Q",
                scale=alt.Scale(type="log", domain=[min(shown) / 2, max(shown) * 2], nice=False),
                axis=alt.Axis(title=None, format=".0e", values=ticks),
            ),
            alt.Color("series:N", scale=colours, legend=legend, sort=names),
            alt.StrokeDash("series:N", scale=dashes, legend=legend, sort=names),
        )
    )
    facts = "; ".join(
        f"{name}, {first_gap(curve[0])} at the first step, at most {max(curve):.1e}"
        for name, curve in curves.items()
    )
    return Chart(
        f"divergence-{slug(device)}",
        f"How far the losses part{suffix}",
        f"Absolute difference of the losses, logarithmic: {facts}.",
        framed([line], look, 260),
    )
