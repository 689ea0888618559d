"""Draws the time of a step with each input pipeline, and the time of each form to answer one image."""

from __future__ import annotations

from collections.abc import Sequence

from compare.findings import job
from compare.findings.findings import Findings
from compare.numbers import format_seconds
from compare.rendering.charts.bars import Parts, Quantity, bars
from compare.rendering.charts.frame import Chart
from compare.rendering.groups import Group


def inputs(found: Sequence[Findings]) -> list[Chart]:
    """Draw the milliseconds of a step with its input: the step itself, and the time that the input adds."""
    parts: dict[str, Parts] = {}
    groups = []
    for one in found:
        for row in job.fed(one.results):
            label = row.label.of(one.name)
            groups.append(Group(label, label.title, [], one.results.config))
            added = max(0.0, row.stall_seconds)
            parts[str(label)] = {
                "step": 1000 * (row.step_seconds - added),
                "added by the input": 1000 * added,
            }
    quantity = Quantity(
        "inputs",
        "Where an epoch's time goes with each input pipeline",
        lambda group: parts[str(group.label)],
        axis="milliseconds a step",
        text=lambda value: format_seconds(value / 1000),
        note="The step is that of the eager launch, on arrays in memory.",
    )
    return bars(groups, quantity)


def inference(found: Sequence[Findings]) -> list[Chart]:
    """Draw the milliseconds to answer one image, with all threads."""
    values: dict[str, float] = {}
    groups = []
    for one in found:
        rows = job.answering(one.results)
        threads = max((row.threads for row in rows), default=0)
        for row in rows:
            if row.threads == threads:
                label = row.label.of(one.name)
                groups.append(Group(label, label.title, [], one.results.config))
                values[str(label)] = 1000 * row.p50_seconds[min(row.p50_seconds)]
    quantity = Quantity(
        "inference",
        "Time to answer one image",
        lambda group: {"answer": values[str(group.label)]},
        axis="milliseconds, median",
        text=lambda value: format_seconds(value / 1000),
        note="From an array in memory to the logits on the host, with all threads.",
    )
    return bars(groups, quantity)
