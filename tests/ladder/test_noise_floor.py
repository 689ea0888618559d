"""The noise floor's arithmetic, on made-up losses."""

import numpy as np
import pytest

from compare.ladder.noise_floor import LIMIT, gaps_of, judged, moved_by_one_ulp, other_thread_count, rms
from compare.ladder.plan import Plan
from lenet_spec import LeNetSpec

PLAN = Plan(LeNetSpec(), "float32", 0, 3, 3, 2, 60.0, 55_000)


def runs(pair: float, itself: float) -> dict[str, list[list[float]]]:
    """Return losses of a pair so far apart, one of which is so far from itself."""
    base = [2.0, 1.0, 0.5]
    return {
        "tf": [base, base, [loss + itself for loss in base]],
        "torch": [
            [loss + pair for loss in base],
            [loss + pair for loss in base],
            [loss + pair for loss in base],
        ],
    }


def test_the_ratio_is_of_the_pair_to_the_largest_self_divergence() -> None:
    """0.3 apart from each other, 0.2 from itself: 1.5 times, which is allowed."""
    found = judged(PLAN, runs(0.3, 0.2), ["run again", "moved"])
    assert found.ratio == pytest.approx(1.5)
    assert found.passed
    assert "tf differs from itself (moved)" in found.sentence
    assert [one.bitwise_equal for one in found.selves] == [True, False, True, True]


def test_more_than_the_limit_fails() -> None:
    """The sentence says so."""
    found = judged(PLAN, runs(LIMIT * 0.2 * 1.01, 0.2), ["run again", "moved"])
    assert not found.passed
    assert "differ more than" in found.sentence


def test_the_floor_is_never_below_the_rounding_of_a_loss() -> None:
    """Where nothing parts from itself yet, the two may still be a neighbouring float32 number apart."""
    assert judged(PLAN, runs(2**-22, 0.0), ["run again", "moved"]).passed
    assert not judged(PLAN, runs(0.3, 0.0), ["run again", "moved"]).passed


def test_weights_move_to_their_neighbours() -> None:
    """Every weight but zeros, by the smallest float32 step, up or down."""
    weights = {"w": np.linspace(-1, 1, 101, dtype=np.float32), "b": np.zeros(3, np.float32)}
    moved = moved_by_one_ulp(weights, seed=0)
    assert moved["w"].dtype == np.float32
    changed = weights["w"] != 0
    assert np.all(np.abs(moved["w"] - weights["w"])[changed] > 0)
    np.testing.assert_array_max_ulp(moved["w"], weights["w"], 1)
    np.testing.assert_array_equal(moved["b"], 0)


def test_figures() -> None:
    """Root mean square, step by step distance, and a thread count that differs."""
    assert rms([3.0, 4.0]) == pytest.approx(np.sqrt(12.5))
    assert rms([None]) == np.inf
    assert gaps_of([1.0, 2.0], [1.5, 2.0]) == [0.5, 0.0]
    assert other_thread_count(4) == 1
