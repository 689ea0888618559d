"""Draws the step time against the batch size and the number of threads, with logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import altair as alt

from compare.findings.findings import Findings
from compare.labels import Label
from compare.numbers import format_percent, format_seconds
from compare.rendering import look
from compare.rendering.charts.frame import Chart, all_or_extremes, decades, framed, slug, styles, values
from compare.statistics.fits import BatchCost, batch_cost

HEIGHT = 320
LABEL_SPACING = 14  # pixels between the labels at the ends of lines
MOSTLY_FIXED = 0.5  # as a fraction of a step


@dataclass(frozen=True)
class Point:
    """One point of a line. `size` is a batch size or a number of threads."""

    label: Label
    size: int
    seconds: float


Costs = Mapping[Label, BatchCost]


def batch_sweep(found: Sequence[Findings]) -> list[Chart]:
    points = batch_points(found)
    costs = batch_costs(points)
    note = "If a line is flat, the cost does not depend on the batch size; if it rises, it does."
    for one in found:
        own = [point for point in points if point.label.run == one.name]
        note += launch_bound(own, costs, one.results.config.batch_size)
    return lines(points, what="batch size", axis="images in a batch", note=note, costs=costs)


def thread_scaling(found: Sequence[Findings]) -> list[Chart]:
    note = "If a line falls by half when the threads double, all threads are used."
    return lines(thread_points(found), what="threads", axis="threads", note=note)


def batch_points(found: Sequence[Findings]) -> list[Point]:
    return [
        Point(Label.read(point.label).on(point.device).of(one.name), point.batch_size, point.step_seconds)
        for one in found
        for point in one.sweep
    ]


def thread_points(found: Sequence[Findings]) -> list[Point]:
    """Return the median step times by thread count, for each run that measured other thread counts."""
    times: dict[tuple[Label, int], list[float]] = {}
    for one in found:
        for run in [*one.results.runs, *one.results.thread_runs] if one.results.thread_runs else ():
            count = run.threads.get("intra_op")
            if run.status == "ok" and count and run.timed_seconds:
                key = run.full_label.of(one.name), count
                times.setdefault(key, []).append(median(run.timed_seconds))
    ordered = sorted(times.items(), key=lambda item: item[0][1])
    return [Point(label, count, median(seconds)) for (label, count), seconds in ordered]


def lines(
    points: Sequence[Point], *, what: str, axis: str, note: str, costs: Costs | None = None
) -> list[Chart]:
    """Draw one chart for each device with at least two sizes. `costs`: fits to describe in the message."""
    charts = []
    devices = list(dict.fromkeys(point.label.device for point in points))
    for device in devices:
        shown = [point for point in points if point.label.device == device]
        if len({point.size for point in shown}) > 1:
            title = f"Step time against {what}" + (f", {device}" if len(devices) > 1 else "")
            fitted = cost_message(shown, costs or {})
            message = f"{line_message(shown, what)} {fitted}Both axes are logarithmic. {note}"
            picture = framed(line_layers(shown, axis), HEIGHT)
            name = f"{slug(what)}-{slug(device)}"
            charts.append(Chart(name, title, message, picture, line_numbers(shown, costs or {})))
    return charts


def line_layers(points: Sequence[Point], axis: str) -> list[alt.Chart]:
    names = series_names(points)
    dashes, shapes = styles(list(names.items()))
    colour = by_series(alt.Color, names, [look.colour(name) for name in names.values()])
    x, y = size_axis(points, axis), time_axis(points)
    rows = [{"series": name, "size": p.size, "ms": p.seconds * 1000} for name, p in points_with_names(points)]
    base = values(rows).encode(x, y, color=colour)
    labels = values(end_labels(points)).mark_text(align="left", dx=8, fontSize=11)
    return [
        base.mark_line(strokeWidth=2).encode(by_series(alt.StrokeDash, names, dashes)),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            by_series(alt.Shape, names, shapes),
            tooltip=["series:N", "size:Q", alt.Tooltip("ms:Q", format=".4~g")],
        ),
        labels.encode(x, y, color=colour, text="series:N"),
    ]


def by_series(channel: Any, names: Iterable[str], marks: Sequence[Any]) -> Any:
    return channel("series:N", scale=alt.Scale(domain=list(names), range=list(marks)), legend=None)


def size_axis(points: Sequence[Point], title: str) -> alt.X:
    sizes = sorted({point.size for point in points})
    return alt.X(
        "size:Q",
        scale=alt.Scale(type="log", base=2, nice=False),
        axis=alt.Axis(title=title, values=sizes, format="~d", labelFlush=False),
    )


def time_axis(points: Sequence[Point]) -> alt.Y:
    ticks = decades(limits(points), (1, 2, 5))
    return alt.Y(
        "ms:Q",
        scale=alt.Scale(type="log", domain=limits(points), nice=False),
        axis=alt.Axis(title="milliseconds a step", format="~g", values=ticks),
    )


def points_with_names(points: Sequence[Point]) -> list[tuple[str, Point]]:
    """Return each point with its line's name, which includes the device if a chart shows two."""
    several = len({point.label.device for point in points}) > 1
    return [(point.label.full_title if several else point.label.title, point) for point in points]


def series_names(points: Sequence[Point]) -> dict[str, str]:
    """Return the framework of each line, by its name."""
    return {name: point.label.framework for name, point in points_with_names(points)}


def limits(points: Sequence[Point]) -> list[float]:
    """Return the limits of the vertical axis, in milliseconds."""
    times = [point.seconds * 1000 for point in points]
    return [min(times) / 1.3, max(times) * 1.3]


def end_labels(points: Sequence[Point]) -> list[dict[str, object]]:
    """Return each line's name at its last point, moved up or down so that no two names overlap."""
    last = dict(sorted(points_with_names(points), key=lambda pair: pair[1].size))
    bottom, top = (math.log(limit) for limit in limits(points))
    unit = (top - bottom) / HEIGHT
    ordered = sorted(last.items(), key=lambda item: item[1].seconds)
    places = spread([math.log(point.seconds * 1000) / unit for _, point in ordered], LABEL_SPACING)
    return [
        {"series": name, "size": point.size, "ms": math.exp(place * unit)}
        for (name, point), place in zip(ordered, places, strict=True)
    ]


def spread(places: Sequence[float], spacing: float) -> list[float]:
    """Return the places, in ascending order, at least `spacing` apart. Each cluster keeps its own middle."""
    clusters: list[tuple[float, int]] = []  # middle, count
    for place in places:
        clusters.append((place, 1))
        while len(clusters) > 1 and overlap(clusters[-2], clusters[-1], spacing):
            middle, count = clusters.pop()
            before, number = clusters[-1]
            clusters[-1] = ((before * number + middle * count) / (number + count), number + count)
    return [middle + (i - (count - 1) / 2) * spacing for middle, count in clusters for i in range(count)]


def overlap(one: tuple[float, int], other: tuple[float, int], spacing: float) -> bool:
    return other[0] - one[0] < spacing * (one[1] + other[1]) / 2


def line_message(points: Sequence[Point], what: str) -> str:
    facts = []
    for size in (min(point.size for point in points), max(point.size for point in points)):
        found = [
            (name, format_seconds(p.seconds), p.seconds)
            for name, p in points_with_names(points)
            if p.size == size
        ]
        facts.append(f"at {what} {size} {all_or_extremes(found)}")
    return f"Median step {', '.join(facts)}."


def batch_costs(points: Sequence[Point]) -> dict[Label, BatchCost]:
    """Return the fit of each label that has enough sizes for one."""
    fits = {}
    for label in dict.fromkeys(point.label for point in points):
        own = [point for point in points if point.label == label]
        cost = batch_cost([point.size for point in own], [point.seconds for point in own])
        if cost is not None:
            fits[label] = cost
    return fits


def cost_message(points: Sequence[Point], costs: Costs) -> str:
    """Return a sentence on the fixed costs and the costs per image; empty if there is no fit."""
    fixed, per_image = {}, {}
    for name, point in points_with_names(points):
        if cost := costs.get(point.label):
            fixed[name] = (name, format_seconds(cost.fixed_seconds), cost.fixed_seconds)
            per_image[name] = (name, format_seconds(cost.seconds_per_image), cost.seconds_per_image)
    if not fixed:
        return ""
    return (
        f"As a fixed cost plus a cost per image: fixed {all_or_extremes(list(fixed.values()))}; "
        f"per image {all_or_extremes(list(per_image.values()))}. "
    )


def launch_bound(points: Sequence[Point], costs: Costs, batch_size: int) -> str:
    """Say which labels have a mostly fixed step cost, and what that means; empty if none has."""
    fixed = {label for label, cost in costs.items() if cost.fixed_share(batch_size) > MOSTLY_FIXED}
    names = list(dict.fromkeys(name for name, point in points_with_names(points) if point.label in fixed))
    if not names:
        return ""
    return (
        f" At a batch of {batch_size}, more than half of the step is fixed cost with {', '.join(names)}: "
        "it is bound by launching operations, not by arithmetic, and says little about a larger network."
    )


def line_numbers(points: Sequence[Point], costs: Costs) -> list[tuple[str, str]]:
    texts: dict[str, list[str]] = {}
    fits: dict[str, str] = {}
    for name, point in points_with_names(points):
        texts.setdefault(name, []).append(f"{format_seconds(point.seconds)} at {point.size}")
        if cost := costs.get(point.label):
            fits[name] = f"; {cost_text(cost)}"
    return [(name, ", ".join(sizes) + fits.get(name, "")) for name, sizes in texts.items()]


def cost_text(cost: BatchCost) -> str:
    return (
        f"{format_seconds(cost.fixed_seconds)} + {format_seconds(cost.seconds_per_image)} an image, "
        f"within {format_percent(cost.largest_misfit, 0)}"
    )
