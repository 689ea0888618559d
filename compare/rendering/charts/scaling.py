"""How the step time grows with the batch, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from compare.rendering import tables
from compare.rendering.charts.frame import Chart, decades, framed, slug, spoken, styles, values
from compare.rendering.groups import suffix
from compare.rendering.look import Look
from compare.results import Results, SweepPoint

HEIGHT = 320
LABEL_SPACING = 14  # pixels between labels at the lines' ends


def batch_sweep(results: Results, look: Look) -> list[Chart]:
    charts = []
    for device in dict.fromkeys(point.device for point in results.batch_sweep):
        points = [p for p in results.batch_sweep if p.device == device and p.step_seconds > 0]
        if len({point.batch_size for point in points}) > 1:
            charts.append(sweep_chart(points, device, suffix(results, device), look))
    return charts


def sweep_chart(points: Sequence[SweepPoint], device: str, suffix: str, look: Look) -> Chart:
    labels = list(dict.fromkeys(point.label for point in points))
    titles = [tables.title(label) for label in labels]
    frameworks = [label.partition(":")[0] for label in labels]
    dashes, shapes = styles(list(zip(titles, frameworks, strict=True)))
    sizes = sorted({point.batch_size for point in points})
    rows = [
        {
            "series": tables.title(point.label),
            "batch": point.batch_size,
            "ms": point.step_seconds * 1000,
        }
        for point in points
    ]
    x = alt.X(
        "batch:Q",
        scale=alt.Scale(type="log", base=2, nice=False),
        axis=alt.Axis(title="images in a batch", values=sizes, format="~d"),
    )
    y = alt.Y(
        "ms:Q",
        scale=alt.Scale(type="log", domain=limits(rows), nice=False),
        axis=alt.Axis(title="milliseconds a step", format="~g", values=decades(limits(rows), (1, 2, 5))),
    )
    colours = alt.Color(
        "series:N",
        scale=alt.Scale(domain=titles, range=[look.colour(framework) for framework in frameworks]),
        legend=None,
    )
    base = values(rows).encode(x, y, colours)
    layers = [
        base.mark_line(strokeWidth=2).encode(
            strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=titles, range=dashes), legend=None)
        ),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            shape=alt.Shape("series:N", scale=alt.Scale(domain=titles, range=shapes), legend=None),
            tooltip=["series:N", "batch:Q", alt.Tooltip("ms:Q", format=".4~g")],
        ),
        values(end_labels(rows))
        .mark_text(align="left", dx=8, fontSize=11)
        .encode(x, y, colours, text="series:N"),
    ]
    return Chart(
        f"batch-size-{slug(device)}",
        f"Step time against batch size{suffix}",
        sweep_message(rows),
        framed(layers, look, HEIGHT),
        sweep_numbers(rows),
    )


def limits(rows: Sequence[dict[str, Any]]) -> list[float]:
    low, high = min(row["ms"] for row in rows), max(row["ms"] for row in rows)
    return [low / 1.3, high * 1.3]


def end_labels(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each line's last point, moved up or down until no label covers another."""
    last = {}
    for row in sorted(rows, key=lambda row: float(row["batch"])):
        last[row["series"]] = dict(row)
    bottom, top = (math.log(limit) for limit in limits(rows))
    unit = (top - bottom) / HEIGHT
    ordered = sorted(last.values(), key=lambda row: float(row["ms"]))
    places = spread([math.log(row["ms"]) / unit for row in ordered], LABEL_SPACING)
    for row, place in zip(ordered, places, strict=True):
        row["ms"] = math.exp(place * unit)
    return ordered


def spread(places: Sequence[float], spacing: float) -> list[float]:
    """Ascending places at least `spacing` apart, each cluster kept around its own middle."""
    clusters: list[list[float]] = []  # of [middle, count]
    for place in places:
        clusters.append([place, 1])
        while len(clusters) > 1 and overlap(clusters[-2], clusters[-1], spacing):
            middle, count = clusters.pop()
            before, number = clusters[-1]
            clusters[-1] = [(before * number + middle * count) / (number + count), number + count]
    return [middle + (i - (count - 1) / 2) * spacing for middle, count in clusters for i in range(int(count))]


def overlap(one: Sequence[float], other: Sequence[float], spacing: float) -> bool:
    return other[0] - one[0] < spacing * (one[1] + other[1]) / 2


def sweep_message(rows: Sequence[dict[str, Any]]) -> str:
    facts = []
    for size in (min(row["batch"] for row in rows), max(row["batch"] for row in rows)):
        found = [(row["series"], f"{row['ms']:.1f} ms", row["ms"]) for row in rows if row["batch"] == size]
        facts.append(f"at batch {size} {spoken(found)}")
    return (
        f"Median step {', '.join(facts)}. Both axes are logarithmic: a flat line is a cost that the "
        "batch does not change, a straight climb one that grows with it."
    )


def sweep_numbers(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (
            series,
            ", ".join(f"{row['ms']:.1f} ms at {row['batch']}" for row in rows if row["series"] == series),
        )
        for series in dict.fromkeys(row["series"] for row in rows)
    ]
