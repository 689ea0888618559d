"""Describes climbs in words: the line that `compare.run` and `compare.parity` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.ladder.rungs import ORACLE
from compare.numbers import count
from compare.records.parity import Climb, Difference, Rung

LARGE_LOSS = 100.0  # a difference of 1e-13 is rounding for such a loss, but not for a loss of 1


def summary(climbs: Sequence[Climb], left_out: Mapping[str, str]) -> str:
    """Return `13 of 13 rungs · float64 losses agree to 2e-15 over 30 steps`, or every failure."""
    without = [f"without {reason_line(label, reason)}" for label, reason in left_out.items()]
    failures = [failure(climb, climb.failing) for climb in climbs if climb.failing is not None]
    if failures:
        return " · ".join([*dict.fromkeys(failures), *without])
    if not climbs:
        return " · ".join(["not climbed", *without])
    dtypes = list(dict.fromkeys(climb.dtype for climb in climbs))
    proved = [climb for climb in climbs if climb.dtype == dtypes[0]]
    lowest = min(climbs, key=lambda climb: climb.height / max(1, len(climb.rungs)))
    found = agreement(proved) if lowest.passed else "the others are not judged"
    form = f" in {' and '.join(dtypes)}" if len(dtypes) > 1 else ""
    return " · ".join([f"{lowest.height} of {len(lowest.rungs)} rungs{form}", found, *without])


def failure(climb: Climb, rung: Rung) -> str:
    """Return `fails at rung 4 of 13, activations · first in flat · torch:eager is wrong`."""
    form = "" if climb.dtype == "float64" else f" in {climb.dtype}"
    place = f"fails at rung {rung.number} of {len(climb.rungs)}{form}, {rung.name}"
    if rung.first_failing is None:
        return f"{place} · {rung.reason}"
    wrong = f"{' and '.join(rung.wrong)} {'is' if len(rung.wrong) == 1 else 'are'} wrong"
    verdict = wrong if rung.wrong else "undecided by the oracle"
    return " · ".join([place, f"first in {rung.first_failing}", verdict])


def reason_line(label: str, reason: str) -> str:
    return reason if reason.startswith(label) else f"{label}: {reason}"


def agreement(climbs: Sequence[Climb]) -> str:
    """Say how close the frameworks' losses are to each other or, for a single one, to the oracle's."""
    differences = [one for climb in climbs for one in loss_differences(climb)]
    pairs = [one for one in differences if one.right != ORACLE]
    climb, closeness = climbs[0], distance(pairs or differences)
    if not pairs:
        steps = count(min(climb.oracle_steps, climb.judged_steps), "step")
        return f"{climb.dtype} losses agree with the oracle's to {closeness} over {steps}"
    return f"{climb.dtype} losses agree to {closeness} over {count(climb.judged_steps, 'step')}"


def distance(differences: Sequence[Difference]) -> str:
    """Return the largest difference of losses in words."""
    largest = max(differences, key=lambda one: one.max_abs or 0.0, default=None)
    if largest is None or not largest.max_abs or not largest.relative:
        return closeness(0.0, 1.0)
    return closeness(largest.max_abs, largest.max_abs / largest.relative)


def closeness(apart: float, size: float) -> str:
    """Return how far losses are apart: absolute, or relative to their size if this is far above 1."""
    if not apart:
        return "the last bit"
    return f"{apart:.0e}" if size < LARGE_LOSS else f"{apart / size:.0e} of their size"


def loss_differences(climb: Climb) -> list[Difference]:
    """Return rung 8's comparisons of losses."""
    return [
        one for rung in climb.rungs if rung.number == 8 for one in rung.differences if one.tensor == "losses"
    ]
