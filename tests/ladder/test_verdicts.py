"""The line of a climb that passed: how close the losses are."""

from __future__ import annotations

from compare.ladder.verdicts import summary
from compare.numbers import format_loss
from compare.records.parity import Climb, Difference, Rung
from tests.faults.recording import Fault

FAULTS = "Losses that went away"


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
        rungs=[*(Rung(number, "", "pass") for number in range(1, 8)), Rung(8, "N steps", "pass", losses)],
    )


PAIR = {("tf:eager", "torch:eager"): 2e-15}


def test_the_pair_that_is_furthest_apart_is_the_one_that_counts() -> None:
    """Whichever variant it is."""
    shown = summary([climb(PAIR | {("tf:eager", "tf:keras"): 3e-9})], {})
    assert shown == "8 of 8 rungs · float64 losses agree to 3e-09 over 20 steps"


def test_losses_that_went_away_agree_as_a_share_of_their_size(fault: Fault) -> None:
    """A difference of 2e16 between losses of 1e20 is rounding, and no closeness of 2e16."""
    away = climb({("tf:eager", "torch:eager"): 0.0})
    away.rungs[-1].differences = [
        Difference("tf:eager", "torch:eager", "losses", 2e16, 2e-4, 1e-3, passed=True)
    ]
    said = summary([away], {})
    assert said.endswith("float64 losses agree to 2e-04 of their size over 20 steps")
    fault("Losses of 1e20, as at a learning rate of 1e6", seen=f"parity    {said}", survives="the proof")


def test_a_loss_that_went_away_is_three_digits_and_an_exponent(fault: Fault) -> None:
    """Not twenty digits over three lines."""
    shown = format_loss(123_456_789_012_345_678_901.0)
    assert shown == "1.23e+20"
    fault("A loss of 123456789012345678901", words=f"`{shown}`", survives="all")


def test_equal_losses_agree_to_the_last_bit() -> None:
    """As of a variant with itself."""
    equal = climb({("tf:eager", "torch:eager"): 0.0})
    assert summary([equal], {}).endswith("losses agree to the last bit over 20 steps")


def test_rungs_that_were_not_judged_are_not_counted() -> None:
    """Nor is anything said of losses that nobody held against each other."""
    stopped = climb(PAIR)
    stopped.rungs[-1] = Rung(8, "N steps", "not judged")
    assert summary([stopped], {}) == "7 of 8 rungs · the others are not judged"
