"""Climbs the rungs in order, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable

from compare.records.task import TaskRung
from compare.task import initialisers, matching, rungs, training
from compare.task.evidence import Climber

Climb = Callable[[Climber], TaskRung]

RUNGS: tuple[tuple[str, str, Climb], ...] = (
    ("0", "dtypes", rungs.dtypes),
    ("1", "names, shapes, count", matching.names),
    ("2", "batches", rungs.batches),
    ("3", "weights", rungs.weights),
    ("3b", "initialisers", initialisers.initialisers),
    ("4a", "activations in evaluation", lambda one: rungs.activations(one, "4a", training=False)),
    ("4b", "activations in training", lambda one: rungs.activations(one, "4b", training=True)),
    ("5", "loss", rungs.loss),
    ("6", "gradients", rungs.gradients),
    ("7", "one step", training.one_step),
    ("8a", "plain steps", lambda one: training.steps(one, "8a")),
    ("8b", "declared steps", lambda one: training.steps(one, "8b")),
    ("S", "stress", rungs.stress),
    ("9", "evaluation after training", training.evaluation),
)


def climb(climber: Climber, say: Callable[[str], None]) -> list[TaskRung]:
    """Return every rung's row. Rungs above the first failing rung are not judged."""
    found: list[TaskRung] = []
    for rung_id, name, judge in RUNGS:
        if any(rung.verdict == "fail" for rung in found):
            found.append(TaskRung(rung_id, name, "not judged"))
            continue
        say(f"rung {rung_id}, {name}")
        found.append(judge(climber))
    return found
