"""Makes a rung's row, from a reason or from a comparison."""

from __future__ import annotations

from collections.abc import Iterable

from compare.records.task import TaskRung
from compare.task.closeness import Comparison
from compare.task.evidence import Climber, Evidence
from compare.task.words import difference, hints_for, tensor_in_words


def failed(rung_id: str, name: str, reason: str, tensor: str = "", hints: Iterable[str] = ()) -> TaskRung:
    return TaskRung(
        rung_id, name, "fail", tensor, first_failing=tensor or None, reason=reason, hints=list(hints)
    )


def row(
    climber: Climber,
    title: tuple[str, str],
    evidence: Evidence,
    compared: Comparison,
    notes: Iterable[str] = (),
) -> TaskRung:
    """Judge a comparison. Name the first failing tensor, in order of computation."""
    rung_id, name = title
    worst, first = compared.worst, compared.first_failing
    rung = TaskRung(
        rung_id, name, "fail" if first else "pass", compared=len(compared.found), notes=list(notes)
    )
    if worst is not None:
        rung.tensor, rung.relative, rung.tolerance = (
            tensor_in_words(worst.tensor),
            worst.relative,
            worst.tolerance,
        )
    if first is not None:
        rung.tensor, rung.relative, rung.tolerance = (
            tensor_in_words(first.tensor),
            first.relative,
            first.tolerance,
        )
        climber.failing = (first, evidence, rung_id)
        rung.first_failing = tensor_in_words(first.tensor)
        rung.reason = difference(climber, first)
        rung.hints = hints_for(climber, first, evidence, compared)
    return rung
