"""How tensors, shapes and digests are compared, on arrays small enough to check by eye."""

import numpy as np
import pytest

from compare.ladder.differences import compare_arrays, compare_digests, compare_shapes

ONE = np.array([1.0, -4.0])


def test_the_error_is_relative_to_the_tensors_largest_magnitude() -> None:
    """0.2 off in a tensor that reaches 4 is 0.05, wherever it is off."""
    found = compare_arrays("a", {"w": ONE + np.array([0.2, 0])}, "b", {"w": ONE}, 0.1)
    assert (found.tensor, found.passed, found.first_failing) == ("w", True, None)
    assert found.max_abs == pytest.approx(0.2)
    assert found.relative == pytest.approx(0.05)


def test_the_worst_and_the_first_failing_tensor_are_both_named() -> None:
    """The largest error downstream does not hide where it started."""
    left = {"conv1": ONE, "pool1": ONE + 0.4, "logits": ONE + 2}
    found = compare_arrays("a", left, "b", dict.fromkeys(left, ONE), 0.01)
    assert (found.tensor, found.first_failing, found.passed) == ("logits", "pool1", False)


@pytest.mark.parametrize(
    ("left", "detail"),
    [
        ({}, "a has none"),
        ({"w": np.ones(3)}, "[3] against [2]"),
        ({"w": np.array([1.0, np.nan])}, "not finite"),
        ({"w": np.array([1.0, np.inf])}, "not finite"),
        ({"w": ONE, "more": ONE}, "b has none"),
    ],
)
def test_what_has_no_number_fails_at_any_tolerance(left: dict[str, np.ndarray], detail: str) -> None:
    """A missing tensor, another shape, NaN and infinity."""
    found = compare_arrays("a", left, "b", {"w": ONE}, 1e9)
    assert not found.passed
    assert detail in str(found.detail)
    assert found.relative is None


def test_equal_zeros_agree() -> None:
    """A tensor of zeros has no scale, and needs none."""
    zeros = {"w": np.zeros(3)}
    assert compare_arrays("a", zeros, "b", zeros, 0.0).passed


def test_float32_is_compared_in_float64() -> None:
    """The difference of two neighbours is not lost to rounding."""
    one = np.float32(1)
    left = {"w": np.array([np.nextafter(one, np.float32(2))])}
    found = compare_arrays("a", left, "b", {"w": np.array([one])}, 1e-6)
    assert found.max_abs == pytest.approx(2**-23)


SHAPES = {"conv1/kernel": (5, 5, 1, 32), "conv1/bias": (32,)}


@pytest.mark.parametrize(
    ("shapes", "named"),
    [
        ({"conv1/kernel": (5, 5, 1, 32)}, "conv1/bias"),
        (SHAPES | {"conv1/bias": (1,)}, "[1], in the spec [32]"),
        (SHAPES | {"extra": (1,)}, "extra"),
        ({"weight": (1,), "conv1/bias": (32,)}, "weight instead"),
    ],
)
def test_names_and_shapes_are_held_against_the_spec(shapes: dict[str, tuple[int, ...]], named: str) -> None:
    """What is missing, misshapen or too many is named."""
    found = compare_shapes("a", shapes, SHAPES)
    assert not found.passed
    assert named in str(found.detail)
    assert compare_shapes("a", SHAPES, SHAPES).passed


def test_the_first_batch_that_differs_is_named() -> None:
    """Batch and array; of the first batch also what it looks like."""
    shared = {"images": ["a", "b", "c"], "labels": ["d", "e", "f"]}
    swapped = {"images": ["a", "c", "b"], "labels": ["d", "f", "e"]}
    first = {"images": "0 to 1", "labels": "0 to 9"}
    assert compare_digests("x", shared, first, shared, first).passed
    assert compare_digests("x", swapped, first, shared, first).first_failing == "batch 1 images"
    unscaled = shared | {"images": ["z", "z", "z"]}
    found = compare_digests("x", unscaled, {"images": "0 to 255"}, shared, first)
    assert found.first_failing == "batch 0 images"
    assert "0 to 255; shared: 0 to 1" in str(found.detail)


def test_a_stream_that_ends_early_differs() -> None:
    """A batch that is not there is not the shared one."""
    shared = {"images": ["a", "b"]}
    found = compare_digests("x", {"images": ["a"]}, {}, shared, {})
    assert found.first_failing == "batch 1 images"
