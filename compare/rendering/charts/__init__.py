"""Draws every chart of a report. Each function returns its charts, or none if the results lack the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compare.findings.findings import Findings
from compare.rendering.charts import accuracy, curves, divergence, explanation, job, scaling, timing
from compare.rendering.charts.frame import Chart

KINDS = (
    timing.ratios,
    timing.step_times,
    job.inputs,
    job.inference,
    curves.losses,
    accuracy.test_accuracy,
    divergence.divergence,
    scaling.batch_sweep,
    scaling.thread_scaling,
    explanation.phases,
    explanation.share_of_peak,
    explanation.throughput,
    explanation.cold_start,
    explanation.memory,
)


def charts(found: Sequence[Findings]) -> list[Chart]:
    """Return the charts of one run or two, in the order of the report. Each has a different name."""
    drawn: dict[str, Chart] = {}
    for kind in KINDS:
        for chart in kind(found):
            name, number = chart.name, 2
            while name in drawn:
                name, number = f"{chart.name}-{number}", number + 1
            drawn[name] = replace(chart, name=name)
    return list(drawn.values())
