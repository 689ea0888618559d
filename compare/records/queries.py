"""Which rows a results file holds: labels in order, the launches of one, its name for a reader."""

from __future__ import annotations

from collections.abc import Iterable

from compare.records.results import Run
from compare.variants import FRAMEWORK_NAMES


def title(label: str) -> str:
    """`tf:eager` as a reader says it: TensorFlow eager."""
    framework, _, variant = label.partition(":")
    return f"{FRAMEWORK_NAMES.get(framework, framework)} {variant}"


def labels(runs: Iterable[Run]) -> list[tuple[str, str]]:
    """Each (label, device), in the order of the run."""
    return list(dict.fromkeys((run.label, run.device) for run in runs))


def runs_of(runs: Iterable[Run], label: str, device: str, status: str = "ok") -> list[Run]:
    return [run for run in runs if (run.label, run.device, run.status) == (label, device, status)]
