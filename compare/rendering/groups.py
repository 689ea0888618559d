"""Groups launches by their label. A group is a row of a chart or a table, for one run or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from compare.findings.findings import Findings
from compare.labels import Label
from compare.records import queries
from compare.records.config import Config
from compare.records.results import Launch


@dataclass(frozen=True)
class Group:
    """The good launches of one label, with their run's config. `title` is unique among the groups shown."""

    label: Label
    title: str
    runs: Sequence[Launch]
    config: Config

    @property
    def framework(self) -> str:
        return self.label.framework

    @property
    def step_seconds(self) -> float | None:
        """Return the median over launches of each launch's median step time."""
        values = [median(run.timed_seconds) for run in self.runs if run.timed_seconds]
        return median(values) if values else None


@dataclass(frozen=True)
class Panel:
    """Groups that share a chart. `name` becomes a part of the chart's name; `suffix` ends its title."""

    name: str
    suffix: str
    groups: list[Group]


def groups(found: Sequence[Findings]) -> list[Group]:
    """Return a group for each label with at least one good launch, in the runs' order."""
    return titled(
        [
            Group(label.of(one.name), "", runs, one.results.config)
            for one in found
            for label in queries.labels(one.results.runs)
            if (runs := queries.runs_of(one.results.runs, label))
        ]
    )


def titled(shown: Sequence[Group]) -> list[Group]:
    """Return the groups with titles, which name the device only if there are several."""
    several = len({group.label.device for group in shown}) > 1
    return [replace(group, title=group.label.full_title if several else group.label.title) for group in shown]


def device_panels(found: Sequence[Findings]) -> list[Panel]:
    """Return one panel for each device. Two runs share it."""
    return panels(groups(found), lambda label: (label.device, ""))


def run_panels(found: Sequence[Findings]) -> list[Panel]:
    """Return one panel for each device of each run, for launches that are comparable only within a run."""
    return panels(groups(found), lambda label: (label.device, label.run))


def panels(shown: Sequence[Group], key: Callable[[Label], tuple[str, str]]) -> list[Panel]:
    parts: dict[tuple[str, str], list[Group]] = {}
    for group in shown:
        parts.setdefault(key(group.label), []).append(group)
    several = len({device for device, _ in parts}) > 1
    return [
        Panel(
            f"{device} {run}".strip(),
            (f", {device}" if several else "") + (f" ({run})" if run else ""),
            titled(within),
        )
        for (device, run), within in parts.items()
    ]


def pair(shown: Sequence[Group]) -> list[Group]:
    """Return the first group of each framework."""
    firsts: dict[str, Group] = {}
    for group in shown:
        firsts.setdefault(group.framework, group)
    return list(firsts.values())
