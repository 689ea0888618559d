"""Climbs in words: the one line that `compare.run` and `compare.parity` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.ladder.rungs import ORACLE, RUNGS
from compare.numbers import count
from compare.records.parity import Climb, Difference, Rung

LARGE_LOSS = 100.0  # a difference of 1e-13 is rounding beside it, and would be none beside a loss of 1


def summary(climbs: Sequence[Climb], left_out: Mapping[str, str]) -> str:
    """`8 of 8 rungs · float64 losses agree to 2e-15 over 20 steps`, or the first failure."""
    failed = next((climb for climb in climbs if not climb.passed), None)
    if failed is not None and failed.failing is not None:
        return failure(failed.failing)
    without = [f"without {reason_line(label, reason)}" for label, reason in left_out.items()]
    if not climbs:
        return " · ".join(["not climbed", *without])
    height = min(climb.height for climb in climbs)
    found = agreement(climbs) if height == len(RUNGS) else "the others are not judged"
    return " · ".join([f"{height} of {len(RUNGS)} rungs", found, *without])


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
    climb, closeness = climbs[0], distance(pairs or differences)
    if not pairs:
        steps = count(min(climb.oracle_steps, climb.judged_steps), "step")
        return f"{climb.dtype} losses agree with the oracle's to {closeness} over {steps}"
    return f"{climb.dtype} losses agree to {closeness} over {count(climb.judged_steps, 'step')}"


def distance(differences: Sequence[Difference]) -> str:
    """Return the largest, in the losses' own unit; if they are far above 1, as a share of them."""
    largest = max(differences, key=lambda one: one.max_abs or 0.0, default=None)
    if largest is None or not largest.max_abs or not largest.relative:
        return "the last bit"
    if largest.max_abs / largest.relative < LARGE_LOSS:
        return f"{largest.max_abs:.0e}"
    return f"{largest.relative:.0e} of their size"


def loss_differences(climb: Climb) -> list[Difference]:
    """Rung 8's comparisons of losses."""
    return [
        one for rung in climb.rungs if rung.number == 8 for one in rung.differences if one.tensor == "losses"
    ]
