"""The stress weights and batches reach what they promise: every threshold that they are to show."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from compare.ladder import stress
from compare.ladder.oracle import Oracle
from compare.ladder.oracle_layers import windows
from lenet_spec import Dropout, LeNetSpec

SPEC = LeNetSpec()


@pytest.fixture(scope="module")
def layers() -> dict[str, np.ndarray]:
    """Return every layer's output for the first batch."""
    return Oracle(SPEC, stress.weights(SPEC)).activations(stress.batches(SPEC)[0].images)


def test_activations_and_logits_are_large_and_of_either_sign(layers: dict[str, np.ndarray]) -> None:
    """Far above 6, and beyond ±20; nothing near overflow."""
    assert all(500 < layers[name].max() < 1e4 for name in ("conv1", "conv2", "dense1"))
    assert layers["logits"].min() < -500
    assert layers["logits"].max() > 500


def test_probabilities_reach_down_to_nothing(layers: dict[str, np.ndarray]) -> None:
    """Labels at every likelihood from likely to below 1e-300, some of them between 1e-7 and 1e-30."""
    logits, labels = layers["logits"], stress.batches(SPEC)[0].labels
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponents = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))) / np.log(10)
    likelihoods = exponents[np.arange(len(labels)), labels]
    assert likelihoods.max() > -1
    assert likelihoods.min() < -300
    assert ((likelihoods < -7) & (likelihoods > -30)).sum() >= 3


def test_gradients_of_the_batches_are_of_very_different_lengths() -> None:
    """Clipped at any usual norm, the first would count for less beside the second."""
    oracle = Oracle(SPEC, stress.weights(SPEC))
    first, second, _ = (
        np.sqrt(sum((one**2).sum() for one in oracle.gradients(*batch).values()))
        for batch in stress.batches(SPEC)
    )
    assert first > 1000
    assert second < first / 100


def test_pool_windows_are_tied_by_patches_that_differ(layers: dict[str, np.ndarray]) -> None:
    """So it matters to which of the tied positions the gradient goes."""
    views = windows(layers["conv1"], 2, 2)
    flat = views.reshape(*views.shape[:3], 4, views.shape[-1])
    largest = flat.max(axis=3)
    tied = ((flat == largest[:, :, :, None]).sum(axis=3) > 1) & (largest > 0)
    assert tied.sum() > 500


def test_nothing_is_rounded_where_ties_are_made(layers: dict[str, np.ndarray]) -> None:
    """Up to the second pool every value is a float32 number: no framework's order of sums can break a tie."""
    for name in ("conv1", "pool1", "conv2", "pool2"):
        np.testing.assert_array_equal(layers[name], layers[name].astype(np.float32))


def test_pixels_lie_outside_the_usual_range_and_masks_come_if_dropout_is_active() -> None:
    """Below 0 and above 1; a mask of 0 and 1 for every image."""
    images = stress.batches(SPEC)[0].images
    assert images.min() < -1
    assert images.max() > 2
    active = dataclasses.replace(SPEC, dropout=Dropout(active=True))
    for batch in stress.batches(active):
        assert batch.dropout_mask is not None
        assert set(np.unique(batch.dropout_mask)) == {0.0, 1.0}
