"""Writes the sentences and tables of several machines, their mean, and the prediction for one more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compare.findings.findings import Findings
from compare.findings.machines import AcrossMachines
from compare.labels import Label
from compare.numbers import count, format_ratio, format_seconds
from compare.rendering.groups import groups
from compare.rendering.verdicts import Verdict, speed_up
from compare.statistics.machine_wording import machines_sentence
from compare.statistics.verdicts import ratio_kind

POOLED, PREDICTED = "all machines", "one more machine"


def headlines(compared: Sequence[AcrossMachines]) -> list[Verdict]:
    """Return, for each device, a sentence on the first comparison across the frameworks, with its figure."""
    chosen: dict[str, AcrossMachines] = {}
    for one in sorted(compared, key=lambda one: one.baseline.framework == one.other.framework):
        chosen.setdefault(one.other.device, one)
    return [verdict(one) for one in chosen.values()]


def verdict(one: AcrossMachines) -> Verdict:
    pooled = one.machines.pooled
    figure = speed_up(ratio_kind(pooled), pooled) if pooled else ("", "")
    return Verdict(machines_sentence(one.machines, name(one.other), name(one.baseline)), *figure)


def name(label: Label) -> str:
    return label.title if label.device == "cpu" else label.full_title


def title(one: AcrossMachines) -> str:
    return f"{name(one.other)} against {name(one.baseline)}"


def header(one: AcrossMachines) -> list[str]:
    return ["machine", "launches", name(one.baseline), name(one.other), "ratio of step times"]


def table(one: AcrossMachines, found: Mapping[str, Findings]) -> list[list[str]]:
    """Return a row for each machine, and one for all machines together if there are enough."""
    rows = []
    for machine, interval in one.machines.by_machine.items():
        times = {group.label.of(""): group.step_seconds for group in groups([found[machine]])}
        cells = [seconds_cell(times.get(label)) for label in (one.baseline, one.other)]
        rows.append([machine, str(interval.launches), *cells, format_ratio(interval)])
    if one.machines.pooled is not None and one.machines.prediction is not None:
        low, high = one.machines.prediction
        machines = count(one.machines.pooled.launches, "machine")
        rows.append([POOLED, machines, "", "", format_ratio(one.machines.pooled)])
        rows.append([PREDICTED, "", "", "", f"{low:.2f}× to {high:.2f}×"])
    return rows


def seconds_cell(seconds: float | None) -> str:
    return "" if seconds is None else format_seconds(seconds)


def page_values(compared: Sequence[AcrossMachines], found: Mapping[str, Findings]) -> dict[str, Any]:
    """Return the part of the page for several machines: a table for each comparison."""
    return {
        "machine_tables": [(title(one), header(one), table(one, found)) for one in compared],
    }
