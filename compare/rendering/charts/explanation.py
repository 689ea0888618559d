"""Why one is faster: phases of a step, cold start, memory and the share of the machine's peak, as bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import altair as alt
import msgspec

from compare.rendering.charts.frame import (
    Chart,
    framed,
    framework_colour,
    row_labels,
    spoken,
    values,
    y_pixels,
)
from compare.rendering.groups import Group, groups
from compare.rendering.look import Look
from compare.rendering.numbers import format_bytes, format_percent, format_seconds
from compare.results import Results, Run
from lenet_spec import LeNetSpec

ROW = 52
BAR = 16
SHADES = (1.0, 0.72, 0.48, 0.3, 0.18, 0.1)
Parts = dict[str, float]


def phases(results: Results, look: Look) -> list[Chart]:
    """Milliseconds of each phase of a step, stacked."""

    def of(group: Group) -> Parts:
        names = dict.fromkeys(name for run in group.runs for name in run.phase_seconds)
        return {
            name.replace("_", " "): 1000
            * median(median(run.phase_seconds[name]) for run in group.runs if run.phase_seconds.get(name))
            for name in names
        }

    return bars(
        results,
        look,
        "phases",
        "Where a step's time goes",
        of,
        axis="milliseconds, synchronized after each phase",
        text=lambda value: format_seconds(value / 1000),
        note="Measured apart: synchronizing after each phase makes the sum longer than a step.",
    )


def cold_start(results: Results, look: Look) -> list[Chart]:
    """Seconds from a fresh process to the end of the first step."""

    def of(group: Group) -> Parts:
        return medians(
            group,
            {
                "import": lambda run: run.import_seconds,
                "build": lambda run: run.build_seconds,
                "first step": lambda run: run.first_step_seconds,
            },
        )

    return bars(
        results,
        look,
        "cold-start",
        "Cold start",
        of,
        axis="seconds",
        text=format_seconds,
        note="Compilation, where there is any, is part of the first step.",
    )


def memory(results: Results, look: Look) -> list[Chart]:
    """Peak memory of the process, and on a card what the framework allocated there."""
    charts = []
    for name, title, field in (
        ("memory", "Peak memory of the process", "peak_rss_bytes"),
        ("device-memory", "Peak memory on the card", "peak_device_bytes"),
    ):

        def of(group: Group, field: str = field) -> Parts:
            return medians(group, {"peak": lambda run: scaled(getattr(run, field), 2**20)})

        charts += bars(
            results,
            look,
            name,
            title,
            of,
            axis="MiB",
            text=lambda value: format_bytes(value * 2**20),
            note="",
        )
    return charts


def share_of_peak(results: Results, look: Look) -> list[Chart]:
    """Matrix-product operations a second in the median step, over the best that the same worker reached."""
    flops = step_flops(results)

    def of(group: Group) -> Parts:
        peaks = [run.matmul_peak_flops for run in group.runs if run.matmul_peak_flops]
        if not peaks or not group.step_seconds or flops is None:
            return {}
        return {"share": flops / group.step_seconds / median(peaks)}

    return bars(
        results,
        look,
        "share-of-peak",
        "Share of the matrix-product peak",
        of,
        axis="of the peak that the same worker measured",
        text=lambda value: format_percent(value, 0),
        note="What is missing went to memory traffic, small operations and the framework itself.",
    )


def step_flops(results: Results) -> int | None:
    """From the spec in the results; None where they hold no spec that this version can read."""
    try:
        spec = msgspec.convert(results.config["spec"], LeNetSpec)
        return spec.training_flops(int(results.config["batch_size"]))
    except (KeyError, TypeError, ValueError, msgspec.ValidationError):
        return None


def scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def medians(group: Group, fields: dict[str, Callable[[Run], float | None]]) -> Parts:
    """The median over launches of each field that any launch has."""
    found = {name: [v for run in group.runs if (v := of(run)) is not None] for name, of in fields.items()}
    return {name: median(numbers) for name, numbers in found.items() if numbers}


def bars(
    results: Results,
    look: Look,
    name: str,
    title: str,
    of: Callable[[Group], Parts],
    *,
    axis: str,
    text: Callable[[float], str],
    note: str,
) -> list[Chart]:
    """One stacked bar a group, shades of its framework's colour; nothing where no group has a part."""
    shown = [(group, parts) for group in groups(results) if (parts := of(group))]
    if not shown:
        return []
    height = ROW * len(shown)
    rows, labels = bar_rows(shown, text)
    percent = name == "share-of-peak"
    whole = max(1, *(row["end"] for row in rows))
    x = alt.X(
        "start:Q",
        axis=alt.Axis(title=axis, tickCount=5, format="%" if percent else alt.Undefined),
        scale=alt.Scale(domain=[0, whole]) if percent else alt.Scale(zero=True),
    )
    base = values(rows).encode(y=y_pixels(height))
    tips = [alt.Tooltip("part:N"), alt.Tooltip("amount:N")]
    layers = [
        base.mark_bar(size=BAR).encode(
            x,
            x2="end:Q",
            color=framework_colour(look),
            opacity=shades(rows, look),
            tooltip=tips,
        ),
        *row_labels(labels, height, look),
    ]
    sums = [sum(parts.values()) for _, parts in shown]
    facts = spoken(
        [(label["title"], label["value"], total) for label, total in zip(labels, sums, strict=True)]
    )
    numbers = [
        (label["title"], label["value"] + spelled(parts, text))
        for label, (_, parts) in zip(labels, shown, strict=True)
    ]
    message = f"{title}: {facts}. {note}".strip()
    return [Chart(name, title, message, framed(layers, look, height), numbers)]


def shades(rows: Sequence[dict[str, Any]], look: Look) -> alt.Opacity:
    """Parts from dark to pale, named in a legend where there are several."""
    names = list(dict.fromkeys(row["part"] for row in rows))
    legend = alt.Legend(
        title=None,
        orient="top",
        symbolType="square",
        symbolFillColor=look.ink,
        symbolStrokeWidth=0,
        columns=4,
    )
    return alt.Opacity(
        "part:N",
        scale=alt.Scale(type="ordinal", domain=names, range=list(SHADES[: len(names)])),
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
    rows, labels = [], []
    for number, (group, parts) in enumerate(shown):
        end = 0.0
        for name, value in parts.items():
            start, end = end, end + value
            rows.append(
                {
                    "y": number * ROW + 32,
                    "framework": group.framework,
                    "part": name,
                    "amount": text(value),
                    "start": start,
                    "end": end,
                }
            )
        labels.append({"y": number * ROW + 12, "title": group.title, "value": text(end)})
    return rows, labels
