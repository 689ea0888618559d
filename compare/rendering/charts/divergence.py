"""Draws the loss difference at each step: between frameworks in a run and in the gate, and to themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import altair as alt

from compare.findings.findings import Findings
from compare.labels import Label
from compare.ladder.noise_floor import AGAIN
from compare.records.parity import Climb, Gate, NoiseFloor, Parity
from compare.rendering import look
from compare.rendering.charts.frame import Chart, decades, framed, slug, values
from compare.rendering.groups import Group, pair, run_panels
from compare.rendering.look import DASHES
from compare.rendering.thinning import median_over, significant

HEIGHT = 280
Losses = Sequence[float | None]


@dataclass(frozen=True)
class Curve:
    """`gaps`: the absolute difference of two losses at each step."""

    name: str
    gaps: Sequence[float]
    colour: str = look.INK
    dash: Sequence[int] = (1, 0)
    width: float = 1.7

    @property
    def largest(self) -> list[float]:
        """Return the largest gap up to each step."""
        return list(accumulate(self.gaps, max))

    @property
    def drawn(self) -> bool:
        """Return whether a logarithmic scale can show the curve: not all gaps are zero."""
        return any(self.gaps)


def divergence(found: Sequence[Findings]) -> list[Chart]:
    """Draw the largest loss difference up to each step: one chart per device of each run."""
    charts = []
    gates = {one.name: one.parity for one in found}
    for panel in run_panels(found):
        first = pair(panel.groups)
        if len(first) != 2:
            continue
        own = Curve(f"both frameworks, this run, {first[0].runs[0].dtype}", loss_gap(*first))
        if own.drawn:
            curves = [own, *gate_curves(gates[first[0].label.run])]
            charts.append(chart(f"divergence-{slug(panel.name)}", curves, panel.suffix))
    return charts


def loss_gap(one: Group, other: Group) -> list[float]:
    """Return the absolute difference of the losses at each step, the median over the seeds that both have."""
    others = {run.seed: run.losses for run in other.runs}
    return median_over(
        [gap(run.losses, others[run.seed]) for run in one.runs if others.get(run.seed) and run.losses]
    )


def gap(one: Losses, other: Losses) -> list[float]:
    """Return the absolute difference at each step that both have; 0 if a loss is not a number."""
    return [0.0 if a is None or b is None else abs(a - b) for a, b in zip(one, other, strict=False)]


def gate_curves(gate: Gate | None) -> list[Curve]:
    """Return the curve of both frameworks in the gate's float64 climb without dropout, if there is one."""
    for climb in gate.climbs if gate else ():
        sides = {Label.read(label).framework: losses for label, losses in reversed(climb.losses.items())}
        if climb.dtype == "float64" and not climb.dropout and {"tf", "torch"} <= set(sides):
            gaps = gap(sides["tf"], sides["torch"])
            curve = Curve("both frameworks, parity gate, float64", gaps, dash=DASHES[1])
            return [curve] if curve.drawn else []
    return []


def proof_chart(parity: Parity) -> Chart | None:
    """Draw each climb's pair, and the noise floor if it was measured. None if there are no two losses."""
    curves = [climb_curve(climb) for climb in parity.climbs if len(climb.losses) == 2]
    if parity.noise_floor is not None:
        curves += floor_curves(parity.noise_floor)
    curves = [curve for curve in curves if curve.drawn]
    return chart("divergence", curves) if curves else None


def climb_curve(climb: Climb) -> Curve:
    left, right = climb.losses.values()
    dropout = ", dropout" if climb.dropout else ""
    name = f"{' and '.join(climb.labels)}, {climb.dtype}{dropout}"
    return Curve(name, gap(left, right), look.MUTED if climb.dropout else look.INK, width=2.5)


def floor_curves(floor: NoiseFloor) -> Iterator[Curve]:
    """Yield the curve of the pair, then the curve of each framework compared with itself."""
    zeros: list[float | None] = [0.0] * len(floor.pair_differences)
    name = f"{' and '.join(floor.labels)}, {floor.dtype}"
    yield Curve(name, gap(floor.pair_differences, zeros), look.BAD, width=2.5)
    changes = list(dict.fromkeys(one.change for one in floor.selves))
    for one in floor.selves:
        if one.change == AGAIN and one.bitwise_equal:
            continue
        yield Curve(
            f"{one.label} itself, {one.change}",
            gap(one.loss_differences, zeros),
            look.colour(Label.read(one.label).framework),
            DASHES[1 + changes.index(one.change) % (len(DASHES) - 1)],
        )


def chart(name: str, curves: Sequence[Curve], suffix: str = "") -> Chart:
    """Draw curves over one logarithmic axis, with one legend."""
    points = [
        {"step": step, "gap": significant(value, 4), "series": curve.name}
        for curve in curves
        for step, value in growth(curve.largest)
    ]
    line = values(points).mark_line(interpolate="step-after")
    line = line.encode(
        alt.X("step:Q", axis=alt.Axis(title="step", tickCount=5), scale=alt.Scale(nice=False)),
        gap_axis([value for curve in curves for _, value in growth(curve.largest)]),
        *styles(curves),
        tooltip=["series:N", "step:Q", alt.Tooltip("gap:Q", title="difference", format=".1e")],
    )
    title = f"How far the losses move apart{suffix}"
    return Chart(name, title, message(curves), framed([line], HEIGHT), numbers(curves))


def growth(largest: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Yield the steps at which the largest difference grows, and the last step: a step line needs no more."""
    last = 0.0
    for step, value in enumerate(largest):
        if value and (value != last or step == len(largest) - 1):
            yield step, value
        last = value


def styles(curves: Sequence[Curve]) -> list[alt.Color | alt.StrokeDash | alt.StrokeWidth]:
    """Return the colour, dash and width of each curve."""
    names = [curve.name for curve in curves]
    legend = alt.Legend(title=None, orient="top", columns=1, symbolType="stroke", labelLimit=620)
    shared = {"legend": legend if len(names) > 1 else None, "sort": names}

    def scale(marks: Sequence[object]) -> alt.Scale:
        return alt.Scale(domain=names, range=list(marks))

    return [
        alt.Color("series:N", scale=scale([curve.colour for curve in curves]), **shared),
        alt.StrokeDash("series:N", scale=scale([list(curve.dash) for curve in curves]), **shared),
        alt.StrokeWidth("series:N", scale=scale([curve.width for curve in curves]), **shared),
    ]


def gap_axis(gaps: Sequence[float]) -> alt.Y:
    low, high = min(gaps) / 2, max(gaps) * 2
    ticks = decades([low, high])
    if len(ticks) < 3:
        ticks = decades([low, high], (1, 2, 5))
    every = 1 + len(ticks) // 8
    return alt.Y(
        "gap:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(title="largest loss difference so far", format=".0e", values=ticks[::every]),
    )


def message(curves: Sequence[Curve]) -> str:
    facts = "; ".join(f"{curve.name}: at most {curve.largest[-1]:.1e}" for curve in curves[:3])
    text = f"Largest loss difference up to each step, on a logarithmic scale. {facts[0].upper()}{facts[1:]}."
    return text + " A curve starts where the losses first differ."


def numbers(curves: Sequence[Curve]) -> list[tuple[str, str]]:
    return [
        (curve.name, f"at most {curve.largest[-1]:.2e}, at the last step {curve.gaps[-1]:.2e}")
        for curve in curves
    ]
