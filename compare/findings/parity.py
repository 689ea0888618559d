"""What the parity ladder's differences say, whatever verdicts a file holds beside them."""

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
    """Return the gate with its verdicts worked out anew; config: of its run.

    Rungs that stand in no climb count as another climb: a failure counts wherever it stands.
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
    """Whether every rung of a porter's own network passed, by its figures too."""
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
    """Between two sides' losses, which the climb holds, the difference is measured again."""
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
    """Each rung judged by its differences; none beyond the first that fails, and none without differences."""
    found: list[Rung] = []
    for rung in rungs:
        stopped = any(one.verdict == "fail" for one in found)
        if stopped or not rung.differences:
            found.append(not_judged(kind_of(rung)))
        else:
            found.append(verdict(kind_of(rung), [judged_difference(one) for one in rung.differences]))
    return found


def judged_difference(difference: Difference) -> Difference:
    """Hold the error against its tolerance. What has no number, such as a shape, stands as it is."""
    one = difference
    within = one.first_failing is None if one.relative is None else one.relative <= one.tolerance
    if one.passed and within:
        return one
    return msgspec.structs.replace(one, passed=False, first_failing=one.first_failing or one.tensor or None)


def kind_of(rung: Rung) -> RungKind:
    """Return the rung of that number, under the name that it was given."""
    known = {kind.number: kind for kind in RUNGS}.get(rung.number, RungKind(rung.number, "", "", rung.name))
    return replace(known, name=rung.name)
