"""Climbs with one side, rung by rung, against the oracle, and stops at the first rung that it fails.

The side's evidence is kept, so that two sides can be compared afterwards. So neither side waits for the
other, and a side that fails does not stop the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from compare.ladder.climber import Climber
from compare.ladder.plan import Plan
from compare.ladder.reference import Reference
from compare.ladder.rungs import Digests, Evidence, Missing, RungKind, against, between, not_judged, verdict
from compare.ladder.tolerances import Tolerances
from compare.records.parity import Climb, Difference, Rung


@dataclass
class Ascent:
    """The climb of one side under one plan.

    own: its tolerances. answers: its evidence by name, up to the rung at which it stopped. differences: for
    each answer, the differences from the spec or the oracle.
    """

    label: str
    plan: Plan
    kinds: Sequence[RungKind]
    losses: list[float]
    own: Tolerances = field(default_factory=dict)
    answers: dict[str, Evidence | Missing] = field(default_factory=dict)
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return all(one.passed for found in self.differences.values() for one in found)


def ascend(climber: Climber, reference: Reference, kinds: Sequence[RungKind]) -> Ascent:
    """Request and judge evidence, rung by rung. Raises NotOnTheLadder if the fault is not the model's."""
    start = time.perf_counter()
    ascent = Ascent(climber.label, climber.plan, kinds, climber.losses)
    for kind in kinds:
        ascent.answers[kind.evidence] = climber.answer(kind.evidence)
        ascent.own = climber.own
        ascent.differences[kind.evidence] = judged(kind, ascent, reference)
        if not ascent.passed:
            break
    ascent.seconds = time.perf_counter() - start
    return ascent


def judged(kind: RungKind, ascent: Ascent, reference: Reference) -> list[Difference]:
    """Compare one side's evidence for a rung with the reference."""
    expected = reference.answer(kind.evidence)
    if isinstance(expected, Digests):
        expected = expected.of_first(ascent.plan.digest_steps)
    return against(kind, ascent.label, ascent.answers[kind.evidence], expected, ascent.own)


def rung_of(kind: RungKind, ascents: Sequence[Ascent], reference: Reference) -> Rung:
    """Return the verdict on a rung that all of the sides reached.

    If two sides differ after the oracle's last step, the oracle trains on, and judges both sides again.
    """
    name = kind.evidence
    first, *others = ascents
    pairs = [
        one
        for other in others
        for one in between(
            (first.label, first.answers[name]), (other.label, other.answers[name]), first.own, other.own
        )
    ]
    found = verdict(kind, [*(one for ascent in ascents for one in ascent.differences[name]), *pairs])
    if found.verdict == "fail" and not found.wrong and reference.go_on():
        for ascent in ascents:
            ascent.differences[name] = judged(kind, ascent, reference)
        return rung_of(kind, ascents, reference)
    return found


def beside(ascents: Sequence[Ascent], reference: Reference) -> Climb:
    """Record the comparisons of one or more sides under one plan: with the oracle, and with the first side.

    Rungs above the first failing rung are not judged.
    """
    plan, kinds = ascents[0].plan, ascents[0].kinds
    found: list[Rung] = []
    for kind in kinds:
        failed = any(rung.verdict == "fail" for rung in found)
        rung = not_judged(kind) if failed else rung_of(kind, ascents, reference)
        if failed or rung.differences:  # else no side has evidence for it: a step without phases
            found.append(rung)
    return Climb(
        labels=[ascent.label for ascent in ascents],
        dtype=plan.dtype,
        dropout=plan.spec.dropout.active,
        steps=plan.steps,
        judged_steps=plan.judged_steps,
        oracle_steps=min(reference.oracle_steps, plan.steps),
        rungs=found,
        losses={ascent.label: finite_or_none(ascent.losses) for ascent in ascents},
        seconds=max(ascent.seconds for ascent in ascents),
    )


def finite_or_none(losses: Sequence[float]) -> list[float | None]:
    return [loss if math.isfinite(loss) else None for loss in losses]
