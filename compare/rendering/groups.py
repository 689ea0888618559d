"""Launches by what they share: a label on a device. The rows of every chart and table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from compare.records import queries
from compare.records.results import Results, Run
from compare.rendering import tables


@dataclass(frozen=True)
class Group:
    """The good launches of one label on one device. `title` names the device where there are several."""

    label: str
    device: str
    framework: str
    title: str
    runs: Sequence[Run]

    @property
    def step_seconds(self) -> float | None:
        return tables.typical_seconds(self.runs)


def devices(results: Results) -> list[str]:
    return list(dict.fromkeys(run.device for run in results.runs))


def panels(results: Results) -> list[tuple[str, list[Group]]]:
    """Return the groups by the chart that they share: a device, in a report of two runs that of both."""
    shared: dict[str, list[Group]] = {}
    for device in devices(results):
        shared.setdefault(panel(device), []).extend(groups(results, device))
    for name, found in shared.items():
        if len({group.device for group in found}) > 1:
            shared[name] = [replace(group, title=f"{group.title}, {group.device}") for group in found]
    return list(shared.items())


def panel(device: str) -> str:
    """`cpu (A)` and `cpu (B)`, as `side_by_side` calls them, share a panel."""
    return re.sub(r" \([AB]\)$", "", device)


def groups(results: Results, device: str | None = None) -> list[Group]:
    """Every label and device with at least one good launch, in the run's order."""
    several = len(devices(results)) > 1 and device is None
    found = []
    for label, place in queries.labels(results.runs):
        runs = queries.runs_of(results.runs, label, place)
        if runs and device in (None, place):
            title = queries.title(label) + (f", {place}" if several else "")
            found.append(Group(label, place, runs[0].framework, title, runs))
    return found


def pair(found: Sequence[Group]) -> list[Group]:
    """Return the first of each framework."""
    firsts: dict[str, Group] = {}
    for group in found:
        firsts.setdefault(group.framework, group)
    return list(firsts.values())


def suffix(results: Results, device: str) -> str:
    """Return what a chart's title adds to name its device or panel: nothing where there is only one."""
    names = {panel(name) for name in devices(results)} if panel(device) == device else set(devices(results))
    return f", {device}" if len(names) > 1 else ""
