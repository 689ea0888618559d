"""How far the two frameworks' losses part: in the run, and in the parity gate's float64."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import altair as alt

from compare.findings.findings import Findings
from compare.labels import Label
from compare.records.parity import Gate
from compare.rendering.charts.frame import Chart, decades, framed, slug, values
from compare.rendering.groups import Group, Panel, pair, run_panels
from compare.rendering.look import DASHES, Look
from compare.rendering.thinning import evenly, median_over, significant

HEIGHT = 280
Curves = dict[str, Sequence[float | None]]


def divergence(found: Sequence[Findings], look: Look) -> list[Chart]:
    """Return the largest loss difference up to each step, logarithmic; one chart a device of each run."""
    charts = []
    gates = {one.name: one.parity for one in found}
    for panel in run_panels(found):
        first = pair(panel.groups)
        gap = loss_gap(*first) if len(first) == 2 else []
        if any(gap):
            dtype = first[0].runs[0].dtype
            curves: Curves = {f"both frameworks, this run, {dtype}": gap}
            curves |= float64_gap(gates[first[0].label.run])
            charts.append(chart(curves, panel, look))
    return charts


def loss_gap(one: Group, other: Group) -> list[float]:
    """Return the absolute difference of the losses at each step, the median over the seeds that both have."""
    others = {run.seed: run.losses for run in other.runs}
    return median_over(
        [gap_of(run.losses, others[run.seed]) for run in one.runs if others.get(run.seed) and run.losses]
    )


def gap_of(one: Sequence[float | None], other: Sequence[float | None]) -> list[float]:
    """At each step that both have; a loss that is not a number counts as no difference shown."""
    pairs = zip(one, other, strict=False)
    return [0.0 if a is None or b is None else abs(a - b) for a, b in pairs]


def float64_gap(parity: Gate | None) -> Curves:
    """Return the curves of the ladder's float64 climb without dropout: what is left without rounding."""
    for climb in parity.climbs if parity else ():
        if climb.dtype == "float64" and not climb.dropout:
            sides = {Label.read(label).framework: losses for label, losses in reversed(climb.losses.items())}
            if {"tf", "torch"} <= set(sides):
                gap = gap_of(sides["tf"], sides["torch"])
                return {"both frameworks, parity gate, float64": gap} if any(gap) else {}
    return {}


def chart(curves: Curves, panel: Panel, look: Look) -> Chart:
    names = list(curves)
    points: list[dict[str, Any]] = [
        {"step": i, "gap": significant(value, 4), "series": name}
        for name, curve in curves.items()
        for i, value in thinned(largest_so_far(curve))
        if value  # equal losses have no place on a logarithmic axis
    ]
    legend = alt.Legend(title=None, orient="top", columns=1, symbolType="stroke", labelLimit=340)
    colours = alt.Scale(domain=names, range=[look.ink] * len(names))
    dashes = alt.Scale(domain=names, range=[DASHES[i % len(DASHES)] for i in range(len(names))])
    shared = {"legend": legend if len(names) > 1 else None, "sort": names}
    line = values(points).mark_line(strokeWidth=1.7)
    line = line.encode(
        alt.X("step:Q", axis=alt.Axis(tickCount=5), scale=alt.Scale(nice=False)),
        gap_axis([point["gap"] for point in points]),
        alt.Color("series:N", scale=colours, **shared),
        alt.StrokeDash("series:N", scale=dashes, **shared),
    )
    return Chart(
        f"divergence-{slug(panel.name)}",
        f"How far the losses part{panel.suffix}",
        message(curves),
        framed([line], look, HEIGHT),
        numbers(curves),
    )


def largest_so_far(curve: Sequence[float | None]) -> list[float]:
    """Return the largest difference up to each step: what parts does not come together again for good."""
    return list(accumulate((value or 0.0 for value in curve), max))


def thinned(curve: Sequence[float]) -> list[tuple[int, float]]:
    return [(i, curve[i]) for i in evenly(len(curve))]


def gap_axis(gaps: Sequence[float]) -> alt.Y:
    low, high = min(gaps) / 2, max(gaps) * 2
    ticks = decades([low, high])
    if len(ticks) < 3:
        ticks = decades([low, high], (1, 2, 5))
    every = 1 + len(ticks) // 8
    return alt.Y(
        "gap:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(title=None, format=".0e", values=ticks[::every]),
    )


def largest(curve: Sequence[float | None]) -> float:
    return max(value for value in curve if value is not None)


def message(curves: Curves) -> str:
    facts = "; ".join(f"{name}: at most {largest(curve):.1e}" for name, curve in list(curves.items())[:3])
    text = f"Largest difference of the losses up to each step, logarithmic. {facts[0].upper()}{facts[1:]}."
    return text + " A curve starts where the losses first differ."


def numbers(curves: Curves) -> list[tuple[str, str]]:
    return [
        (name, f"at most {largest(curve):.2e}, at the last step {curve[-1] or 0:.2e}")
        for name, curve in curves.items()
    ]
