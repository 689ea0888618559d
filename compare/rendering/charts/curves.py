"""Draws loss against step for both frameworks and every variant, with the tutorial's ten published points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair as alt

from compare.findings.findings import Findings
from compare.rendering import look
from compare.rendering.charts.frame import Chart, decades, framed, slug, styles, values
from compare.rendering.groups import Group, Panel, pair, run_panels
from compare.rendering.thinning import evenly, median_over, running_median, significant
from compare.rendering.tutorial import TutorialPoint, published

WINDOW = 25  # the steps in one running median
HEIGHT = 300


def losses(found: Sequence[Findings]) -> list[Chart]:
    """Draw two charts per device: the linear one shows the start, the logarithmic one shows the end."""
    charts = []
    for panel in run_panels(found):
        trained = on_common_seeds(panel.groups)
        scales = ("linear", "log") if trained else ()
        charts += [loss_chart(trained, panel, scale) for scale in scales]
    return charts


def on_common_seeds(shown: Sequence[Group]) -> list[Group]:
    """Return the launches of the seeds that all groups share; all launches with losses if there are none.

    Another seed has other weights and other batches, so its curve differs for reasons of its own.
    """
    trained = [replace(group, runs=[run for run in group.runs if run.losses]) for group in shown]
    trained = [group for group in trained if group.runs]
    if not trained:
        return []
    common = set.intersection(*({run.seed for run in group.runs} for group in trained))
    if not common:
        return trained
    return [replace(g, runs=[run for run in g.runs if run.seed in common]) for g in trained]


def loss_chart(trained: list[Group], panel: Panel, scale: str) -> Chart:
    steps = max(len(run.losses) for group in trained for run in group.runs)
    points = [point for point in published(trained[0].config) if point.step < steps]
    tutorial = [{"step": point.step, "loss": significant(point.loss)} for point in points]
    x = alt.X("step:Q", axis=alt.Axis(title="step", tickCount=5), scale=alt.Scale(nice=False))
    y = loss_axis(trained, points, scale)
    layers = [
        *(layer.encode(x, y) for layer in thin_lines(trained)),
        values(smoothed(pair(trained))).mark_line(strokeWidth=2).encode(x, y, *series_styles(pair(trained))),
    ]
    if tutorial:  # an empty layer would give the axes an undefined range
        tips = ["step:Q", alt.Tooltip("loss:Q", title="the tutorial's loss")]
        marks = values(tutorial).mark_point(shape="diamond", size=60, filled=True, color=look.INK)
        layers.append(marks.encode(x, y, tooltip=tips))
    return Chart(
        f"loss-{scale}-{slug(panel.name)}",
        f"Training loss, {'logarithmic' if scale == 'log' else 'linear'}{panel.suffix}",
        loss_message(trained, scale, bool(tutorial)),
        framed(layers, HEIGHT),
        [(g.title, f"from {first:.2f} to {last:.4f}") for g, first, last in ends(trained)],
    )


def thin_lines(trained: Sequence[Group]) -> list[alt.Chart]:
    """Draw thin lines behind the bold pair: each step of one seed, and other variants' smoothed curves."""
    first = pair(trained)
    single = [(values(single_steps(group)), group, 0.7, 0.28) for group in first]
    others = [(values(smoothed([group])), group, 1.0, 1.0) for group in trained if group not in first]
    return [
        base.mark_line(strokeWidth=width, opacity=opacity, color=look.colour(group.framework))
        for base, group, width, opacity in single + others
    ]


def loss_axis(trained: Sequence[Group], points: Sequence[TutorialPoint], scale: str) -> alt.Y:
    """Return an axis from zero; on a logarithmic scale from the smallest loss, with a tick per decade."""
    if scale == "linear":
        return alt.Y("loss:Q", axis=alt.Axis(title=None, tickCount=5))
    shown = [loss for group in pair(trained) for loss in group.runs[0].losses if loss > 0]
    shown += [point.loss for point in points]
    low, high = min(shown) / 1.2, max(shown) * 1.2
    return alt.Y(
        "loss:Q",
        axis=alt.Axis(title=None, values=decades([low, high]), format="~g"),
        scale=alt.Scale(type="log", domain=[low, high], nice=False, clamp=True),
    )


def series_styles(trained: Sequence[Group]) -> list[Any]:
    """Return a colour per framework and a dash per variant, with one legend for both."""
    titles = [group.title for group in trained]
    dashes, _ = styles([(group.title, group.framework) for group in trained])
    legend = alt.Legend(title=None, orient="top", columns=2, symbolType="stroke")
    colours = alt.Scale(domain=titles, range=[look.colour(group.framework) for group in trained])
    return [
        alt.Color("series:N", scale=colours, legend=legend, sort=titles),
        alt.StrokeDash("series:N", scale=alt.Scale(domain=titles, range=dashes), legend=legend, sort=titles),
    ]


def smoothed(trained: Sequence[Group]) -> list[dict[str, Any]]:
    """Return each variant's median over seeds, smoothed by a running median, at up to 200 steps."""
    rows = []
    for group in trained:
        curve = running_median(median_over([run.losses for run in group.runs]), WINDOW)
        rows += [
            {"step": i, "loss": significant(curve[i]), "series": group.title} for i in evenly(len(curve))
        ]
    return rows


def single_steps(group: Group) -> list[dict[str, Any]]:
    """Return the loss of every step of the first seed."""
    return [{"step": step, "loss": significant(loss, 4)} for step, loss in enumerate(group.runs[0].losses)]


def loss_message(trained: Sequence[Group], scale: str, tutorial: bool) -> str:
    facts = [f"{group.title} from {first:.2f} to {last:.3f}" for group, first, last in ends(pair(trained))]
    message = f"Loss on a {scale} scale: {'; '.join(facts)}. "
    rest = [last for group, _, last in ends(trained) if group not in pair(trained)]
    if rest:
        message += f"The other {len(rest)} variants (thin) end between {min(rest):.3f} and {max(rest):.3f}. "
    message += (
        f"Bold lines: the median over seeds, as a running median over {WINDOW} steps. "
        "Pale lines: every step of one seed."
    )
    return message + (" Diamonds: the ten points that the tutorial printed in 2017." if tutorial else "")


def ends(trained: Sequence[Group]) -> list[tuple[Group, float, float]]:
    """Return the start and the end of each group's smoothed curve."""
    curves = [(group, smoothed([group])) for group in trained]
    return [(group, curve[0]["loss"], curve[-1]["loss"]) for group, curve in curves if curve]
