"""Verdicts on fabricated evidence: who is wrong, what is named, and what a tolerance of each rung allows."""

from typing import Any

import numpy as np
import pytest

from compare.ladder.rungs import RUNGS, Evidence, Missing, RungKind, against, between, losses_array, verdict
from compare.ladder.tolerances import BY_DTYPE, EXACT
from compare.records.parity import Rung

TENSOR = np.array([1.0, -2.0])
BY_EVIDENCE = {kind.evidence: kind for kind in RUNGS}


def evidence(group: str, off: float = 0.0) -> dict[str, Any]:
    """Return two tensors of one group, the second off by so much."""
    return {group: {"first": TENSOR, "second": TENSOR + off}}


def judge(kind: RungKind, sides: dict[str, Any], reference: Evidence, dtype: str) -> Rung:
    """Return the verdict on sides: each against the reference, and the first against each other one."""
    own = BY_DTYPE[dtype]
    differences = [
        one for label, given in sides.items() for one in against(kind, label, given, reference, own)
    ]
    first, *others = sides.items()
    return verdict(
        kind, [*differences, *(one for other in others for one in between(first, other, own, own))]
    )


def test_the_rungs_are_numbered_in_order() -> None:
    """Fourteen, as the docs say."""
    assert [kind.number for kind in RUNGS] == list(range(1, 15))


def test_the_oracle_says_which_side_is_wrong() -> None:
    """The side that differs from it; the other is said to agree."""
    kind = BY_EVIDENCE["activations"]
    sides = {"tf:eager": evidence("activations"), "torch:port": evidence("activations", 0.5)}
    rung = judge(kind, sides, evidence("activations"), "float64")
    assert (rung.verdict, rung.first_failing, rung.wrong) == ("fail", "second", ["torch:port"])
    assert "torch:port differs from the oracle in the activations, first in second" in str(rung.reason)
    assert "tf:eager agrees" in str(rung.reason)


def test_both_can_be_wrong() -> None:
    """Two ports with the same mistake agree with each other, and not with the oracle."""
    kind = BY_EVIDENCE["gradients"]
    sides = {"a": evidence("gradients", 0.5), "b": evidence("gradients", 0.5)}
    rung = judge(kind, sides, evidence("gradients"), "float64")
    assert rung.wrong == ["a", "b"]
    assert all(f"{label} differs from the oracle in the gradients" in str(rung.reason) for label in "ab")


def test_a_missing_gradient_is_said_in_words() -> None:
    """The parameter and the side, and what can be the cause, not a framework's own message."""
    kind, whole = BY_EVIDENCE["gradients"], evidence("gradients")
    part = {"gradients": {"first": TENSOR}}
    reason = str(judge(kind, {"a": part, "b": whole}, whole, "float64").reason)
    assert reason.startswith("a has no gradient for second: the loss does not depend on it")


def test_two_sides_may_each_be_off_to_their_own_side() -> None:
    """Both within their tolerance of the oracle, and further than one tolerance from each other."""
    kind, limit = BY_EVIDENCE["activations"], BY_DTYPE["float64"]["activations"].value
    sides = {"a": evidence("activations", 1.5 * limit), "b": evidence("activations", -1.5 * limit)}
    assert judge(kind, sides, evidence("activations"), "float64").verdict == "pass"


def test_where_the_oracle_stops_nobody_is_blamed() -> None:
    """Losses that part after the oracle's last step fail, undecided."""
    kind = BY_EVIDENCE["training"]
    losses = np.array([2.3, 2.0, 1.0])
    sides = {
        "a": {"losses": {"losses": losses}, "parameters": {"w": TENSOR}},
        "b": {"losses": {"losses": losses + np.array([0, 0, 0.1])}, "parameters": {"w": TENSOR}},
    }
    rung = judge(kind, sides, {"losses": {"losses": losses[:2]}}, "float64")
    assert (rung.verdict, rung.wrong) == ("fail", [])
    assert "the oracle agrees with both" in str(rung.reason)


def test_a_side_without_evidence_fails_with_its_reason() -> None:
    """A worker that refused or died has failed the rung that it was asked about."""
    rung = judge(BY_EVIDENCE["loss"], {"a": Missing("a was killed by SIGSEGV")}, evidence("loss"), "float64")
    assert (rung.verdict, rung.reason) == ("fail", "a: a was killed by SIGSEGV")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("group", sorted({name for own in BY_DTYPE.values() for name in own} - {"losses"}))
def test_each_group_holds_to_its_own_tolerance(group: str, dtype: str) -> None:
    """Just inside passes, just outside fails."""
    own = BY_DTYPE[dtype]
    kind, limit = BY_EVIDENCE["activations"], own[group].value if group in own else 0.0
    if not limit:
        return
    for factor, expected in ((0.9, "pass"), (1.1, "fail")):
        given = {group: {"losses": TENSOR * (1 - limit * factor)}}
        assert judge(kind, {"a": given}, {group: {"losses": TENSOR}}, dtype).verdict == expected


def test_initial_weights_must_be_equal() -> None:
    """One unit in the last place is too much: nothing was computed."""
    kind, group = BY_EVIDENCE["initial_weights"], "initial_weights"
    given = {group: {"w": np.nextafter(TENSOR, 5)}}
    assert judge(kind, {"a": given}, {group: {"w": TENSOR}}, "float64").verdict == "fail"


def test_no_tolerance_is_one_that_cannot_fail() -> None:
    """Each is well below 1, above what was measured, and within a hundred times of it in float64."""
    largest = {"float64": 1e-9, "float32": 0.05, "bfloat16": 0.7}
    for dtype, own in BY_DTYPE.items():
        for name, tolerance in own.items():
            if tolerance == EXACT:
                continue
            assert tolerance.measured < tolerance.value <= largest[dtype]
            assert tolerance.reason
            if dtype == "float64" and tolerance.measured and name != "parameters":
                assert tolerance.value <= 100 * tolerance.measured
    assert EXACT.value == 0


def test_a_diverged_run_does_not_pass() -> None:
    """Losses that never came are NaN."""
    assert np.isnan(losses_array([2.3], 3)[1:]).all()
    assert losses_array([2.3, 2.2, 2.1], 2).tolist() == [2.3, 2.2]
