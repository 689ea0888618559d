"""The oracle's gradients are its loss's slopes, its Adam is the formula, its interface keeps its word."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from compare.ladder.oracle import Oracle
from lenet_spec import Adam, Conv, Dense, Dropout, Input, LeNetSpec, MaxPool
from tests.known import known

FULL = LeNetSpec()
SMALL = LeNetSpec(  # layers: 11×9×3, 5×4×3, 4×3×4, 3×2×4, 24, 6, 5
    input=Input(11, 9, 2),
    conv1=Conv(3, 3, padding="same"),
    conv2=Conv(4, 2),
    pool2=MaxPool(2, 1),
    dense1=Dense(6),
    dense2=Dense(5, "linear"),
)
OTHER = LeNetSpec(  # every choice that SMALL does not make; layers: 7×6×3, 3×2×3, 3×2×4, 2×1×4, 8, 6, 5
    input=Input(13, 12, 2),
    conv1=Conv(3, 4, stride=2, padding="same", activation="linear"),
    pool1=MaxPool(3, 2),
    conv2=Conv(4, 2, padding="same"),
    pool2=MaxPool(2, 1),
    dense1=Dense(6, "linear"),
    dense2=Dense(5, "relu"),
    loss_reduction="sum",
)
ACTIVE = Dropout(0.3, active=True)


class Batch(NamedTuple):
    """A batch for a small spec."""

    images: np.ndarray
    labels: np.ndarray
    dropout_mask: np.ndarray | None


def weights_of(spec: LeNetSpec) -> dict[str, np.ndarray]:
    """Random kernels that keep the signal's size, and random biases: nothing is exactly 0."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(0, 1 / math.sqrt(math.prod(shape[:-1]) or 1), shape)
        for name, shape in spec.parameter_shapes().items()
    }


def batch_of(spec: LeNetSpec, count: int = 3) -> Batch:
    """Return a random batch, with a mask if dropout is active."""
    rng = np.random.default_rng(1)
    mask = (rng.random((count, spec.dense1.units)) >= spec.dropout.rate).astype(np.float64)
    images, labels = rng.random((count, *spec.input.shape)), rng.integers(0, spec.classes, count)
    return Batch(images, labels, mask if spec.dropout.active else None)


@pytest.mark.parametrize("dropout", [Dropout(), ACTIVE], ids=["without_dropout", "with_dropout"])
@pytest.mark.parametrize("spec", [SMALL, OTHER], ids=["small", "other"])
def test_every_entry_of_every_gradient_is_the_slope_of_the_loss(spec: LeNetSpec, dropout: Dropout) -> None:
    """Central differences of the loss, one weight at a time."""
    spec = replace(spec, dropout=dropout)
    oracle, batch, half_step = Oracle(spec, weights_of(spec)), batch_of(spec), 1e-6
    gradients = oracle.gradients(*batch)
    assert list(gradients) == list(spec.parameter_shapes())
    for name, weight in oracle.weights.items():
        slopes = np.zeros_like(weight)
        for index in np.ndindex(weight.shape):
            kept = weight[index]
            weight[index] = kept + half_step
            above = oracle.loss(*batch)
            weight[index] = kept - half_step
            slopes[index] = (above - oracle.loss(*batch)) / (2 * half_step)
            weight[index] = kept
        assert abs(slopes).max() > 1e-3, f"{name} has no effect on the loss: nothing is tested"
        tolerance = 1e-7 * abs(slopes).max()
        np.testing.assert_allclose(gradients[name], slopes, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dropout", [Dropout(), ACTIVE], ids=["without_dropout", "with_dropout"])
def test_the_full_networks_gradients_are_slopes_along_random_directions(dropout: Dropout) -> None:
    """Three directions for each tensor of the tutorial's network."""
    spec = replace(FULL, dropout=dropout)
    weights, batch, half_step = weights_of(spec), batch_of(spec), 1e-6
    gradients = Oracle(spec, weights).gradients(*batch)
    rng = np.random.default_rng(2)
    for name, gradient in gradients.items():
        assert gradient.shape == spec.parameter_shapes()[name]
        for _ in range(3):
            direction = rng.normal(size=gradient.shape)
            above, below = (
                Oracle(spec, weights | {name: weights[name] + sign * half_step * direction}).loss(*batch)
                for sign in (1, -1)
            )
            tolerance = 1e-6 * float(np.linalg.norm(gradient))
            slope = (above - below) / (2 * half_step)
            assert float((gradient * direction).sum()) == pytest.approx(slope, rel=0, abs=tolerance), name


def test_two_adam_updates_worked_out_by_hand() -> None:
    """With beta1 1/2, beta2 3/4, epsilon_hat 1/2, learning rate 1, and gradients 4, then 2.

    t = 1: m = 2, v = 4, rate = √(1/4) / (1/2) = 1, so p falls by 2 / (2 + 1/2) = 4/5.
    t = 2: m = 1 + 1 = 2, v = 3 + 1 = 4, rate = √(7/16) / (3/4) = √7/3, so p falls by √7/3 · 4/5.
    """
    spec = replace(SMALL, adam=Adam(learning_rate=1.0, beta1=0.5, beta2=0.75, epsilon_hat=0.5))
    oracle = Oracle(spec, weights_of(spec))
    start = oracle.parameters()["dense2/bias"]
    oracle.adam({"dense2/bias": np.full(5, 4.0)})
    np.testing.assert_allclose(start - oracle.parameters()["dense2/bias"], 0.8, rtol=1e-14)
    oracle.adam({"dense2/bias": np.full(5, 2.0)})
    np.testing.assert_allclose(
        start - oracle.parameters()["dense2/bias"], 0.8 + 0.7055336829505575, rtol=1e-14
    )


def test_epsilon_stands_outside_the_bias_correction() -> None:
    """With the default constants a gradient of 1e-8 moves a weight by 1e-3 / (1 + √1000), not by 1e-3 / 2.

    t = 1: 1e-3 · √0.001 / 0.1 · (0.1 · 1e-8) / (√0.001 · 1e-8 + 1e-8), and √0.001 is 1 / √1000.
    """
    oracle = Oracle(SMALL, weights_of(SMALL) | {"dense2/bias": np.zeros(5)})
    oracle.adam({"dense2/bias": np.array([1e-8, -1e-8, 0.0, 1.0, -1.0])})
    small, large = 3.0653430031715508e-05, 1e-3 / (1 + math.sqrt(1000) * 1e-8)
    moved = oracle.parameters()["dense2/bias"]
    np.testing.assert_allclose(moved, [-small, small, 0, -large, large], rtol=1e-12)


@pytest.mark.parametrize("dropout", [Dropout(), ACTIVE], ids=["without_dropout", "with_dropout"])
def test_a_step_returns_loss_and_logits_from_before_its_update(dropout: Dropout) -> None:
    """And moves every parameter by Adam's first step along its gradient."""
    spec = replace(SMALL, dropout=dropout)
    oracle, batch = Oracle(spec, weights_of(spec)), batch_of(spec)
    before, gradients, loss = oracle.parameters(), oracle.gradients(*batch), oracle.loss(*batch)
    logits = oracle.activations(batch.images, batch.dropout_mask)["logits"]
    stepped_loss, stepped_logits = oracle.step(*batch)
    assert isinstance(stepped_loss, float)
    assert stepped_loss == loss
    np.testing.assert_array_equal(stepped_logits, logits)
    for name, after in oracle.parameters().items():
        g = gradients[name]
        moved = 1e-3 * g / (abs(g) + math.sqrt(1000) * 1e-8)
        np.testing.assert_allclose(before[name] - after, moved, rtol=0, atol=1e-15, err_msg=name)
    assert oracle.loss(*batch) < loss


def test_activations_are_named_ordered_and_shaped_as_the_spec_says() -> None:
    """In float64, and equal for float32 images that hold the same numbers."""
    for spec in (FULL, SMALL, OTHER):
        oracle, images = Oracle(spec, weights_of(spec)), batch_of(spec).images.astype(np.float32)
        activations = oracle.activations(images)
        shapes = {name: array.shape[1:] for name, array in activations.items()}
        assert list(shapes.items()) == list(spec.activation_shapes().items())
        assert all(array.dtype == np.float64 and len(array) == 3 for array in activations.values())
        np.testing.assert_array_equal(activations["logits"], oracle.logits(images.astype(np.float64)))


def test_the_first_dense_kernel_reads_height_then_width_then_channel() -> None:
    """Row h·4·64 + w·64 + c meets pool2[h, w, c]."""
    kernel = np.zeros((1024, 1024))
    kernel[2 * 256 + 1 * 64 + 40, 7] = 1
    weights = weights_of(FULL) | {"dense1/kernel": kernel, "dense1/bias": np.zeros(1024)}
    activations = Oracle(FULL, weights).activations(batch_of(FULL).images)
    assert activations["pool2"][:, 2, 1, 40].any()
    np.testing.assert_array_equal(activations["dense1"][:, 7], activations["pool2"][:, 2, 1, 40])


def test_dropout_scales_what_the_mask_keeps_and_evaluation_ignores_it() -> None:
    """By 1 / (1 - rate); logits(images) are those of a network without dropout."""
    spec = replace(SMALL, dropout=ACTIVE)
    batch, weights = batch_of(spec), weights_of(spec)
    activations = Oracle(spec, weights).activations(batch.images, batch.dropout_mask)
    without = Oracle(SMALL, weights).activations(batch.images)
    expected = np.where(known(batch.dropout_mask), activations["dense1"] / 0.7, 0)
    np.testing.assert_allclose(activations["dropout"], expected, rtol=1e-15)
    np.testing.assert_array_equal(without["dropout"], without["dense1"])
    np.testing.assert_array_equal(Oracle(spec, weights).logits(batch.images), without["logits"])
    assert not np.allclose(activations["logits"], without["logits"])


@pytest.mark.parametrize("method", ["step", "gradients", "loss", "activations"])
def test_a_dropout_mask_is_given_if_and_only_if_dropout_is_active(method: str) -> None:
    """Anything else is refused in words, and no weight moves."""
    active = replace(SMALL, dropout=ACTIVE)
    mask = known(batch_of(active).dropout_mask)
    for spec, wrong, message in (
        (SMALL, mask, "mask is given, but spec.dropout.active is False"),
        (active, None, "active is True, but no dropout mask is given"),
        (active, mask[0], r"the dropout mask: the shape must be \(3, 6\), and is \(6,\)"),
    ):
        oracle, (images, labels, _) = Oracle(spec, weights_of(spec)), batch_of(spec)
        arguments = (images, wrong) if method == "activations" else (images, labels, wrong)
        with pytest.raises(ValueError, match=message):
            getattr(oracle, method)(*arguments)
        np.testing.assert_equal(oracle.parameters(), weights_of(spec))


def test_arrays_that_do_not_fit_the_spec_are_refused() -> None:
    """Weights, images and labels, by name, with the rule and what was found."""
    weights, (images, labels, _) = weights_of(SMALL), batch_of(SMALL)
    oracle = Oracle(SMALL, weights)
    with pytest.raises(ValueError, match="the weights lack dense2/bias"):
        Oracle(SMALL, {name: weights[name] for name in weights if name != "dense2/bias"})
    with pytest.raises(ValueError, match=r"dense2/bias: the shape must be \(5,\), and is \(1,\)"):
        Oracle(SMALL, weights | {"dense2/bias": np.zeros(1)})
    with pytest.raises(ValueError, match=r"images: the shape must be \(3, 11, 9, 2\)"):
        oracle.logits(images.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match=r"labels: the shape must be \(3,\)"):
        oracle.loss(images, labels[:1])
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match=r"labels must lie in 0\.\.4"):
            oracle.gradients(images, np.array([0, 1, wrong]))


def test_weights_are_copied_in_and_out() -> None:
    """Training changes neither the arrays given nor those returned earlier; float32 weights are widened."""
    narrow = {name: weight.astype(np.float32) for name, weight in weights_of(SMALL).items()}
    given = {name: weight.copy() for name, weight in narrow.items()}
    wide = {name: weight.astype(np.float64) for name, weight in narrow.items()}
    for weights in (narrow, wide):
        oracle = Oracle(SMALL, weights)
        earlier = oracle.parameters()
        oracle.step(*batch_of(SMALL))
        np.testing.assert_equal(weights, given)
        np.testing.assert_equal(earlier, given)
        assert all(weight.dtype == np.float64 for weight in oracle.parameters().values())
