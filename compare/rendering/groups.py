"""Launches by what they share: a label. The rows of every chart and table, of one run or of two."""

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
    """The good launches of one label; config: of their run. `title` tells it from those it stands among."""

    label: Label
    title: str
    runs: Sequence[Launch]
    config: Config

    @property
    def framework(self) -> str:
        return self.label.framework

    @property
    def step_seconds(self) -> float | None:
        """The median over launches of each launch's median step."""
        values = [median(run.timed_seconds) for run in self.runs if run.timed_seconds]
        return median(values) if values else None


@dataclass(frozen=True)
class Panel:
    """Groups that share a chart. `name` becomes part of the chart's; `suffix` ends its title."""

    name: str
    suffix: str
    groups: list[Group]


def groups(found: Sequence[Findings]) -> list[Group]:
    """Every label with at least one good launch, in the runs' order."""
    return titled(
        [
            Group(label.of(one.name), "", runs, one.results.config)
            for one in found
            for label in queries.labels(one.results.runs)
            if (runs := queries.runs_of(one.results.runs, label))
        ]
    )


def titled(shown: Sequence[Group]) -> list[Group]:
    """With titles that name the device only if there are several."""
    several = len({group.label.device for group in shown}) > 1
    return [replace(group, title=group.label.full_title if several else group.label.title) for group in shown]


def device_panels(found: Sequence[Findings]) -> list[Panel]:
    """One for each device: two runs share it."""
    return panels(groups(found), lambda label: (label.device, ""))


def run_panels(found: Sequence[Findings]) -> list[Panel]:
    """One for each device of each run, for what only launches of one run can be held against."""
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
    """Return the first of each framework."""
    firsts: dict[str, Group] = {}
    for group in shown:
        firsts.setdefault(group.framework, group)
    return list(firsts.values())
