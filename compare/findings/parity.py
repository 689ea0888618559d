"""Derives the parity verdicts from the ladder's differences, without trust in a file's own verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from compare.ladder.differences import compare_arrays
from compare.ladder.gate import gate_of, notes_on
from compare.ladder.rungs import RUNGS, RungKind, not_judged, verdict
from compare.records.config import Config
from compare.records.parity import Climb, Difference, Gate, Rung
from compare.records.task import TaskParity

LOSSES = "losses"


def judged(gate: Gate, config: Config) -> Gate:
    """Return the gate with recalculated verdicts; config: the options of its run.

    Rungs that belong to no climb count as another climb, so that each failure counts.
    """
    if gate.tasks:
        return msgspec.structs.replace(gate, passed=all(holds(one) for one in gate.tasks))
    climbs = [judged_climb(climb) for climb in gate.climbs]
    rungs = judged_rungs(gate.rungs)
    if rungs and rungs not in [climb.rungs for climb in climbs]:
        climbs.append(
            Climb([], gate.dtype, dropout=False, steps=0, judged_steps=0, oracle_steps=0, rungs=rungs)
        )
    found = gate_of(climbs, gate.left_out, notes_on(climbs, msgspec.structs.asdict(config)))
    kept = {name: getattr(gate, name) for name in ("unavailable", "dtype", "steps", "oracle_steps")}
    return msgspec.structs.replace(found, **kept)


def holds(task: TaskParity) -> bool:
    """Return whether every rung of a porter's own network passed, also by its figures."""
    return bool(task.rungs) and all(
        rung.verdict == "pass"
        and (rung.relative is None or rung.tolerance is None or rung.relative <= rung.tolerance)
        for rung in task.rungs
    )


def judged_climb(climb: Climb) -> Climb:
    rungs = [
        msgspec.structs.replace(rung, differences=[measured_again(one, climb) for one in rung.differences])
        for rung in climb.rungs
    ]
    return msgspec.structs.replace(climb, rungs=judged_rungs(rungs))


def measured_again(difference: Difference, climb: Climb) -> Difference:
    """Measure a difference between two sides' losses again, if the climb holds both."""
    left, right = climb.losses.get(difference.left), climb.losses.get(difference.right)
    if difference.tensor != LOSSES or left is None or right is None:
        return difference
    steps = max(0, min(climb.judged_steps, len(left), len(right)))
    if not steps:
        return difference
    arrays = [{LOSSES: np.array(losses[:steps], np.float64)} for losses in (left, right)]
    found = compare_arrays(difference.left, arrays[0], difference.right, arrays[1], difference.tolerance)
    return msgspec.structs.replace(found, group=difference.group)


def judged_rungs(rungs: Sequence[Rung]) -> list[Rung]:
    """Judge each rung by its differences, up to the first failure. Skips rungs without differences."""
    found: list[Rung] = []
    for rung in rungs:
        stopped = any(one.verdict == "fail" for one in found)
        if stopped or not rung.differences:
            found.append(not_judged(kind_of(rung)))
        else:
            found.append(verdict(kind_of(rung), [judged_difference(one) for one in rung.differences]))
    return found


def judged_difference(difference: Difference) -> Difference:
    """Compare the error with its tolerance. A difference without a number, such as a shape, is unchanged."""
    one = difference
    within = one.first_failing is None if one.relative is None else one.relative <= one.tolerance
    if one.passed and within:
        return one
    return msgspec.structs.replace(one, passed=False, first_failing=one.first_failing or one.tensor or None)


def kind_of(rung: Rung) -> RungKind:
    """Return the kind of rung with that number, with the rung's own name."""
    known = {kind.number: kind for kind in RUNGS}.get(rung.number, RungKind(rung.number, "", "", rung.name))
    return replace(known, name=rung.name)
