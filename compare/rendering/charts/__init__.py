"""Every chart of a report. Each function gives its charts, or none where the results hold nothing to show."""

from __future__ import annotations

from dataclasses import replace

from compare.records.results import Results
from compare.rendering.charts import accuracy, curves, divergence, explanation, scaling, timing
from compare.rendering.charts.frame import Chart
from compare.rendering.look import Look

KINDS = (
    timing.ratios,
    timing.step_times,
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


def charts(results: Results, look: Look) -> list[Chart]:
    """In the order of the report, with names that are all different."""
    found: dict[str, Chart] = {}
    for kind in KINDS:
        for chart in kind(results, look):
            name, number = chart.name, 2
            while name in found:
                name, number = f"{chart.name}-{number}", number + 1
            found[name] = replace(chart, name=name)
    return list(found.values())
