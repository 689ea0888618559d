"""Draws the test accuracy of every seed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import altair as alt

from compare.findings.findings import Findings
from compare.rendering import tables
from compare.rendering.charts.frame import (
    Chart,
    all_or_extremes,
    framed,
    framework_colour,
    row_labels,
    values,
    y_pixels,
)
from compare.rendering.groups import Group, groups

ROW = 44


def test_accuracy(found: Sequence[Findings]) -> list[Chart]:
    tested = [group for group in groups(found) if any(run.test_accuracy is not None for run in group.runs)]
    if not tested:
        return []
    seeds, means, rows = accuracy_rows(tested)
    height = ROW * len(tested)
    x = alt.X(
        "accuracy:Q",
        scale=alt.Scale(domain=accuracy_domain([seed["accuracy"] for seed in seeds]), nice=False),
        axis=alt.Axis(title="test accuracy", format=".2~%", tickCount=5),
    )
    place = y_pixels(height)
    layers = [
        values(means).mark_tick(thickness=2, size=20).encode(x, place, color=framework_colour()),
        values(seeds)
        .mark_point(filled=True, size=55, opacity=0.8)
        .encode(
            x,
            place,
            color=framework_colour(),
            tooltip=["seed:N", alt.Tooltip("accuracy:Q", title="test accuracy", format=".2%")],
        ),
        *row_labels(rows, height),
    ]
    facts = all_or_extremes(
        [(row["title"], row["value"], mean["accuracy"]) for row, mean in zip(rows, means, strict=True)]
    )
    message = f"Test accuracy: {facts}. Each dot is one seed, and the tick is their mean."
    numbers = [(row["title"], row["value"]) for row in rows]
    return [Chart("test-accuracy", "Test accuracy by seed", message, framed(layers, height), numbers)]


def accuracy_domain(accuracies: Sequence[float]) -> list[float]:
    """Return a range wider than the values, with a minimum width: one image of 10,000 must look small."""
    low, high = min(accuracies), max(accuracies)
    room = max(0.0005, (high - low) * 0.08)
    return [max(0.0, low - room), min(1.0, high + room)]


Rows = list[dict[str, Any]]


def accuracy_rows(tested: Sequence[Group]) -> tuple[Rows, Rows, Rows]:
    """Return a dot for each seed, a tick for each mean, a label for each group."""
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
