"""Climbs in words: the one line that `compare.run` and `compare.parity` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.ladder.rungs import ORACLE, RUNGS
from compare.ladder.tolerances import has_own_tolerances
from compare.records.parity import Climb, Difference, Rung


def summary(climbs: Sequence[Climb], left_out: Mapping[str, str]) -> str:
    """`8 of 8 rungs · float64 losses agree to 2e-15 over 20 steps`, or the first failure."""
    failed = next((climb for climb in climbs if not climb.passed), None)
    if failed is not None and failed.failing is not None:
        return failure(failed.failing)
    without = [f"without {reason_line(label, reason)}" for label, reason in left_out.items()]
    if not climbs:
        return " · ".join(["not climbed", *without])
    rungs = len(climbs[0].rungs)
    return " · ".join([f"{rungs} of {rungs} rungs", agreement(climbs), *without])


def failure(rung: Rung) -> str:
    """Return `fails at rung 4 of 8, activations · first in flat · torch:eager is wrong`."""
    parts = [f"fails at rung {rung.number} of {len(RUNGS)}, {rung.name}"]
    if rung.first_failing is None:
        return " · ".join([*parts, rung.reason or ""])
    wrong = f"{' and '.join(rung.wrong)} {'is' if len(rung.wrong) == 1 else 'are'} wrong"
    return " · ".join(
        [*parts, f"first in {rung.first_failing}", wrong if rung.wrong else "undecided by the oracle"]
    )


def reason_line(label: str, reason: str) -> str:
    return reason if reason.startswith(label) else f"{label}: {reason}"


def agreement(climbs: Sequence[Climb]) -> str:
    """How close the losses of the frameworks are, or, of one alone, its losses to the oracle's."""
    differences = [one for climb in climbs for one in loss_differences(climb)]
    pairs = [one for one in differences if one.right != ORACLE]
    loose = [one for one in pairs if has_own_tolerances(one.left, climbs[0].dtype)]
    loose += [one for one in pairs if has_own_tolerances(one.right, climbs[0].dtype)]
    strict = [one for one in pairs if one not in loose]
    shown = strict or pairs or differences
    largest = max((one.max_abs or 0.0 for one in shown), default=0.0)
    climb = climbs[0]
    if pairs:
        said = f"{climb.dtype} losses agree to {largest:.0e} over {climb.judged_steps:,} steps"
        own = f"{max((one.max_abs or 0.0 for one in loose), default=0.0):.0e}"
        if strict and loose and own != f"{largest:.0e}":
            said += f", {loose[0].right}'s to {own}"
        return said
    steps = min(climb.oracle_steps, climb.judged_steps)
    return f"{climb.dtype} losses agree with the oracle's to {largest:.0e} over {steps:,} steps"


def loss_differences(climb: Climb) -> list[Difference]:
    """Rung 8's comparisons of losses."""
    return [
        one for rung in climb.rungs if rung.number == 8 for one in rung.differences if one.tensor == "losses"
    ]
