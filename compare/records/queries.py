"""Selects rows of a results file: all labels in order, or the launches of one label."""

from __future__ import annotations

from collections.abc import Iterable

from compare.labels import Label
from compare.records.results import Launch, Status


def labels(runs: Iterable[Launch]) -> list[Label]:
    """Return each label with its device, in the order of the run."""
    return list(dict.fromkeys(run.full_label for run in runs))


def runs_of(runs: Iterable[Launch], label: Label, status: Status = "ok") -> list[Launch]:
    return [run for run in runs if run.full_label == label and run.status == status]
