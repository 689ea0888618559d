"""Climbs the rungs: asks the sides for evidence, judges, and stops judging at the first rung that fails."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from compare.ladder import rungs
from compare.ladder.plan import Plan
from compare.ladder.reference import Reference
from compare.ladder.rungs import RUNGS, Evidence, Missing, RungKind
from compare.ladder.side import NotOnTheLadder, Side
from compare.ladder.together import asking
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.records.parity import Climb, Rung


def climb(
    sides: Sequence[Side], reference: Reference, plan: Plan, *, kinds: Sequence[RungKind] = RUNGS
) -> Climb:
    """One side against the oracle, or several against it and the first of them.

    Workers and oracle work at the same time: nothing here is timed.
    """
    start = time.perf_counter()
    judged: list[Rung] = []
    with asking([side.worker for side in sides]) as pool:
        for kind in kinds:
            if any(rung.verdict == "fail" for rung in judged):
                judged.append(rungs.not_judged(kind))
                continue
            waiting = [pool.submit(evidence_of, side, kind) for side in sides]
            expected = getattr(reference, kind.evidence)
            evidence = {side.label: one.result() for side, one in zip(sides, waiting, strict=True)}
            judged.append(rungs.judge(kind, evidence, expected, plan.dtype))
    return Climb(
        labels=[side.label for side in sides],
        dtype=plan.dtype,
        dropout=plan.spec.dropout.active,
        steps=plan.steps,
        judged_steps=plan.judged_steps,
        oracle_steps=plan.oracle_steps,
        rungs=judged,
        losses={side.label: finite_or_none(side.losses) for side in sides},
        seconds=time.perf_counter() - start,
    )


def evidence_of(side: Side, kind: RungKind) -> Evidence | Missing:
    """Return what the side answers; a worker that refuses or dies has failed the rung it was asked about."""
    try:
        evidence: Evidence | Missing = getattr(side, kind.evidence)
    except (NotOnTheLadder, WorkerRefused, WorkerFailed) as failure:
        return Missing(str(failure))
    return evidence


def finite_or_none(losses: Sequence[float]) -> list[float | None]:
    return [loss if math.isfinite(loss) else None for loss in losses]
