"""What is compared after training: torch's running variance as Keras would have it."""

from types import SimpleNamespace

import numpy as np
import pytest

from compare.protocol.task_messages import Leaf, Tensor
from compare.task.closeness import STEPS, Comparison, Found, compare
from compare.task.training import corrected, diverged_notes, drop_what_rounding_decides


@pytest.mark.parametrize("calls", [1, 2])
def test_the_unbiased_variance_is_turned_into_the_biased_one(calls: int) -> None:
    """For a norm that is called once in a step, or twice, as in a network of twins."""
    random = np.random.default_rng(0)
    settings = {"momentum": 0.9, "running variance": "unbiased"}
    leaf = Leaf("norm", "batch_norm", settings, calls=calls, input=[6, 3])
    before = random.random(3)
    biased, unbiased = before, before
    for _ in range(2 * calls):  # two steps
        batch = random.standard_normal((6, 3))
        biased = 0.9 * biased + 0.1 * batch.var(axis=0)
        unbiased = 0.9 * unbiased + 0.1 * batch.var(axis=0, ddof=1)
    found = corrected(leaf, Tensor("weight", "norm", "moving_variance", 2), unbiased, before)
    np.testing.assert_allclose(found, biased, rtol=1e-14)


@pytest.mark.parametrize(
    ("dtype", "moved", "kept"),
    [("float32", 0.04, True), ("float32", 0.06, False), ("float64", 0.06, True)],
)
def test_what_rounding_decides_is_not_compared_in_float32(dtype: str, moved: float, kept: bool) -> None:
    """A training that one unit in the last place changes by 6 % proves nothing in float32; a note says so."""
    climber = SimpleNamespace(dtype=dtype)
    one = Found(Tensor("weight", "conv", "kernel"), 0.8, 0.5, moved=moved)
    still = Found(Tensor("weight", "head", "kernel"), 0.0, 0.5)
    compared = Comparison([still, one])
    notes = drop_what_rounding_decides(climber, compared)  # type: ignore[arg-type]
    assert compared.found == ([still, one] if kept else [])
    assert [note[:68] for note in notes] == (
        [] if kept else ["one unit in the last place of the weights changes conv/kernel by 6 %"]
    )


def test_the_rounding_of_weights_is_no_movement() -> None:
    """A change of a few units of a weight's last place has few digits, but no chaos made it so."""
    a = Tensor("weight", "a", "kernel")
    left, right = {a: np.array([1e-6])}, {a: np.array([1.2e-6])}
    units = compare(left, right, (right, left), STEPS["float32"], rounding={a: 1e-7}).found[0]
    chaos = compare(left, right, (right, left), STEPS["float32"], rounding={a: 1e-9}).found[0]
    assert units.moved == 0
    assert chaos.moved == pytest.approx(0.196 / 1.2)


@pytest.mark.parametrize(
    ("diverged", "said"),
    [(0, []), (1, ["in conv0/kernel, values"]), (3, ["in conv0/kernel and 2 more tensors, values"])],
)
def test_a_note_names_what_is_not_finite_after_training(diverged: int, said: list[str]) -> None:
    """The first such tensor, and how many more; none if all values are finite."""
    found = [
        Found(Tensor("weight", f"conv{place}", "kernel"), 0.0, 0.5, diverged=place < diverged)
        for place in range(4)
    ]
    notes = diverged_notes(Comparison(found))
    assert len(notes) == len(said)
    assert all(one in note for one, note in zip(said, notes, strict=True))
