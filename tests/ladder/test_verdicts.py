"""The line of a climb that passed: how close the losses are, a variant with its own tolerances apart."""

from __future__ import annotations

import pytest

from compare.ladder.verdicts import summary
from compare.records.parity import Climb, Difference, Rung


def climb(largest: dict[tuple[str, str], float]) -> Climb:
    """Return a climb that passed, whose last rung compared these sides' losses."""
    losses = [
        Difference(left, right, "losses", error, error, 1.0, passed=True)
        for (left, right), error in largest.items()
    ]
    return Climb(
        ["tf:eager"],
        "float64",
        dropout=False,
        steps=20,
        judged_steps=20,
        oracle_steps=20,
        rungs=[Rung(8, "N steps", "pass", losses)],
    )


PAIR = {("tf:eager", "torch:eager"): 2e-15}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (3e-9, ", tf:keras's to 3e-09"),
        (5e-15, ", tf:keras's to 5e-15"),
        (1e-15, ", tf:keras's to 1e-15"),
        (2e-15, ""),
    ],
)
def test_a_variant_with_its_own_tolerances_is_told_apart(own: float, said: str) -> None:
    """Whenever its figure is another one, however small."""
    shown = summary([climb(PAIR | {("tf:eager", "tf:keras"): own})], {})
    assert shown == f"1 of 1 rungs · float64 losses agree to 2e-15 over 20 steps{said}"
