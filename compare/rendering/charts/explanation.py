"""Draws charts that explain a step time: phases, share of the peak, throughput, cold start and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from compare.findings.findings import Findings
from compare.numbers import format_bytes, format_percent, format_seconds
from compare.records.results import Launch
from compare.rendering.charts.bars import Parts, Quantity, bars
from compare.rendering.charts.frame import Chart, slug
from compare.rendering.groups import Group, device_panels, groups


def phases(found: Sequence[Findings]) -> list[Chart]:
    """Draw each phase of a step in milliseconds, stacked; one chart per device, as they differ tenfold."""
    quantity = Quantity(
        "phases",
        "Where a step's time goes",
        phase_milliseconds,
        axis="milliseconds, synchronized after each phase",
        text=lambda value: format_seconds(value / 1000),
        note="Each phase is measured alone: synchronizing after each phase makes the sum longer than a step.",
    )
    charts = []
    for panel in device_panels(found):
        title = quantity.title + panel.suffix
        charts += bars(panel.groups, replace(quantity, name=f"phases-{slug(panel.name)}", title=title))
    return charts


def phase_milliseconds(group: Group) -> Parts:
    names = dict.fromkeys(name for run in group.runs for name, times in run.phase_seconds.items() if times)
    return {
        name.replace("_", " "): 1000
        * median(median(times) for run in group.runs if (times := run.phase_seconds.get(name)))
        for name in names
    }


def share_of_peak(found: Sequence[Findings]) -> list[Chart]:
    """Draw the rate of matrix products in the median step, divided by the best rate of the same worker."""

    def of(group: Group) -> Parts:
        peaks = [run.matmul_peak_flops for run in group.runs if run.matmul_peak_flops]
        if not peaks or not group.step_seconds or group.config.task:
            return {}
        flops = group.config.spec.training_flops(group.config.batch_size)
        return {"share": flops / group.step_seconds / median(peaks)}

    quantity = Quantity(
        "share-of-peak",
        "Share of the matrix-product peak",
        of,
        axis="of the peak that the same worker measured",
        text=lambda value: format_percent(value, 0),
        note="The rest of the time goes to memory traffic, small operations and the framework itself.",
        whole=1.0,
        axis_format="%",
    )
    return bars(groups(found), quantity)


def throughput(found: Sequence[Findings]) -> list[Chart]:
    """Draw the images per second of a series of steps that waits for the device only once, at its end."""

    def of(group: Group) -> Parts:
        seconds = medians(group, {"images": lambda run: run.unsynchronized_step_seconds})
        return {name: group.config.batch_size / value for name, value in seconds.items()}

    quantity = Quantity(
        "throughput",
        "Throughput without waiting for each step",
        of,
        axis="images a second",
        text=lambda value: f"{value:,.0f} images/s",
        note="Synchronized only once after many steps. This is not a step time, because steps may overlap.",
    )
    return bars(groups(found), quantity)


def cold_start(found: Sequence[Findings]) -> list[Chart]:
    """Draw the seconds from a fresh process to the end of the first step."""
    parts: dict[str, Callable[[Launch], float | None]] = {
        "import": lambda run: run.import_seconds,
        "build": lambda run: run.build_seconds,
        "first step": lambda run: run.first_step_seconds,
    }
    quantity = Quantity(
        "cold-start",
        "Cold start",
        lambda group: medians(group, parts),
        axis="seconds",
        text=format_seconds,
        note="If a step is compiled, the compilation is part of its first step.",
    )
    return bars(groups(found), quantity)


def memory(found: Sequence[Findings]) -> list[Chart]:
    """Peak memory of the process, and on a card what the framework allocated there."""
    own = "As each framework's allocator counts it, without the driver's context and loaded code."
    fields: dict[str, tuple[str, Callable[[Launch], int | None], str]] = {
        "memory": ("Peak memory of the process", lambda run: run.peak_rss_bytes, ""),
        "device-memory": ("Peak memory on the card", lambda run: run.peak_device_bytes, own),
    }
    charts = []
    for name, (title, field, note) in fields.items():
        quantity = Quantity(name, title, peak_mebibytes(field), axis="MiB", text=mebibytes, note=note)
        charts += bars(groups(found), quantity)
    return charts


def peak_mebibytes(field: Callable[[Launch], int | None]) -> Callable[[Group], Parts]:
    return lambda group: {name: count / 2**20 for name, count in medians(group, {"peak": field}).items()}


def mebibytes(value: float) -> str:
    return format_bytes(value * 2**20)


def medians(group: Group, fields: dict[str, Callable[[Launch], float | None]]) -> Parts:
    """Return the median over launches of each field that at least one launch has."""
    found = {name: [v for run in group.runs if (v := of(run)) is not None] for name, of in fields.items()}
    return {name: median(numbers) for name, numbers in found.items() if numbers}
