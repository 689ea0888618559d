"""How close tensors must be, on arrays with simulated rounding."""

from typing import Any

import numpy as np
import pytest

from compare.protocol.task_messages import Tensor
from compare.task.closeness import LATER, LIMITS, STEPS, compare, of_gradients, pattern

A, B = Tensor("gradient", "a", "kernel"), Tensor("gradient", "b", "bias")
FLOAT64 = LIMITS["float64"]
ONE = np.array([1.0, -4.0])


def test_a_difference_of_rounding_passes_and_a_mistake_of_8e_9_fails() -> None:
    """8e-9, the smallest mistake seen between public networks, fails; 1e-13 passes."""
    same = {A: ONE * (1 + 1e-13)}
    wrong = {A: ONE * (1 + 8e-9)}
    still = ({A: ONE}, {A: ONE})
    assert compare({A: ONE}, same, still, FLOAT64).first_failing is None
    assert compare({A: ONE}, wrong, still, FLOAT64).first_failing is not None


def test_movement_of_one_unit_widens_the_tolerance_but_not_beyond_a_mistake() -> None:
    """A network that amplifies rounding by a million still cannot hide 8e-9."""
    moved = ({A: ONE * (1 + 1e-10)}, {A: ONE})
    found = compare({A: ONE}, {A: ONE * (1 + 8e-9)}, moved, FLOAT64)
    assert found.found[0].tolerance == FLOAT64.most
    assert found.first_failing is not None


@pytest.mark.parametrize(("examples", "allowed"), [(128, 0.03), (8, 1.5 / 8), (0, 1.5)])
def test_in_float32_a_gradient_may_be_off_by_the_share_of_one_example(examples: int, allowed: float) -> None:
    """A unit near zero, switched by rounding on one side, is no mistake; float64 has no such room."""
    for limits in (LIMITS["float32"], STEPS["float32"]):
        own = of_gradients(limits, "float32", examples)
        least = max(allowed, limits.least)
        for off, passes in ((0.9 * least, True), (1.1 * least, False)):
            right = {A: ONE * (1 - off)}  # as large as ONE at most
            assert compare({A: ONE}, right, ({A: ONE}, right), own).found[0].passed == passes
    assert of_gradients(FLOAT64, "float64", examples) == FLOAT64


def test_what_is_zero_within_rounding_is_judged_on_the_scale_of_the_largest() -> None:
    """For a bias before a norm, 7e-17 and -3e-17 do not count as an error of 140 %."""
    noise = {B: np.array([7e-17])}
    left, right = {A: ONE, **noise}, {A: ONE, B: np.array([-3e-17])}
    moved = ({A: ONE, B: np.array([2e-17])}, {A: ONE, B: np.array([5e-17])})
    found = compare(left, right, moved, FLOAT64)
    assert found.first_failing is None
    assert found.zeros == [B]


def test_a_real_zero_gradient_on_one_side_alone_fails() -> None:
    """A detached branch fails, because rounding does not make exact zeros."""
    left, right = {A: ONE, B: np.array([0.5])}, {A: ONE, B: np.array([0.0])}
    found = compare(left, right, (left, right), FLOAT64).first_failing
    assert found is not None
    assert found.tensor == B


def test_the_first_in_order_is_named_not_the_worst() -> None:
    """The first wrong tensor is named, even if a later one has a larger error."""
    left = {A: ONE, B: ONE}
    found = compare(left, {A: ONE + 1e-3, B: ONE + 1}, (left, left), FLOAT64)
    assert found.first_failing is not None
    assert found.first_failing.tensor == A


@pytest.mark.parametrize("other", [None, np.ones(3), np.array([1.0, np.nan])])
def test_a_missing_misshapen_or_not_finite_tensor_fails(other: np.ndarray | None) -> None:
    """A missing, misshapen or non-finite tensor fails with any tolerance."""
    right = {} if other is None else {A: other}
    found = compare({A: ONE}, right, ({A: ONE}, right), FLOAT64).first_failing
    assert found is not None
    assert found.detail is not None


IMAGE = np.random.default_rng(0).standard_normal((2, 5, 6, 3))


def changed(place: Any, by: float = 1.0) -> np.ndarray:
    """Return the images with a part of them moved."""
    other = IMAGE.copy()
    other[place] += by
    return other


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed(np.s_[:, :, -1]), "only the last column differ"),
        (changed(np.s_[:, 0]), "only the first row differ"),
        (IMAGE / 2, "tf is 2 times torch everywhere"),
        (np.flip(IMAGE, 2), "same values in another order"),
        (IMAGE, None),
    ],
)
def test_the_form_of_a_difference_is_named(other: np.ndarray, words: str | None) -> None:
    """A wrong column, a factor or another order is named, because a porter looks for these first."""
    found = pattern(IMAGE, np.ascontiguousarray(other), 1e-11)
    assert (found is None) if words is None else (found is not None and words in found)


def test_values_may_be_infinite_after_training_if_they_are_so_on_both_sides() -> None:
    """A training that diverges on both sides is no difference. The finite values are compared."""
    left = {A: np.array([1.0, np.inf, -2.0])}
    same, other = {A: np.array([1.0, np.nan, -2.0])}, {A: np.array([1.0, np.nan, -2.1])}
    still = (left, left)
    found = compare(left, same, still, LATER["float64"]).found[0]
    assert (found.passed, found.diverged) == (True, True)
    assert not compare(left, other, still, LATER["float64"]).found[0].passed
    assert compare(left, same, still, STEPS["float64"]).found[0].detail == "it is not finite in tf and torch"
    finite = {A: np.array([1.0, 5.0, -2.0])}
    assert compare(left, finite, still, LATER["float64"]).found[0].detail == "it is not finite in tf"
