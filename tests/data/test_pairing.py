"""Labels that belong to other images are noticed, whatever the files' structure."""

import dataclasses

import numpy as np
import pytest

from compare.data.mnist import Dataset, load
from compare.data.pairing import doubts
from tests.data.idx_files import pixels


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """Return the embedded data set."""
    return load()


def test_mnist_leaves_no_doubt(mnist: Dataset) -> None:
    """Nor does a part of it."""
    assert doubts(mnist) == []
    images, labels = mnist.test_images[:100], mnist.test_labels[:100]
    assert doubts(dataclasses.replace(mnist, test_images=images, test_labels=labels)) == []


@pytest.mark.parametrize("kind", ["train", "test"])
@pytest.mark.parametrize("change", ["shuffled", "moved by one", "of other classes"])
def test_labels_of_other_images_are_named(mnist: Dataset, kind: str, change: str) -> None:
    """Which pair of files, how many fit, how many images were looked at, and what to do."""
    labels = getattr(mnist, f"{kind}_labels")
    changed = {
        "shuffled": np.random.default_rng(0).permutation(labels),
        "moved by one": np.roll(labels, 1),
        "of other classes": (labels + 1) % 10,
    }[change].astype(np.uint8)
    found = doubts(dataclasses.replace(mnist, **{f"{kind}_labels": changed}))
    if kind == "train" and change == "of other classes":  # consistent within the training set
        assert found[0].startswith("The test labels fit their images no better than chance")
        return
    assert len(found) == 1
    assert found[0].startswith(f"The {'training' if kind == 'train' else 'test'} labels fit their images no")
    assert "of 10,000" in found[0]


def test_a_few_images_are_not_judged() -> None:
    """Chance decides too much."""
    images, labels = pixels(60, 28, 28), (np.arange(60) % 10).astype(np.uint8)
    assert doubts(Dataset(images, labels, images[:0], labels[:0], images[:9], labels[:9], "", "")) == []


def test_images_of_noise_are_doubted() -> None:
    """Nothing can be learned from them but by heart."""
    images, labels = pixels(4_000, 28, 28), (np.arange(4_000) % 10).astype(np.uint8)
    noise = Dataset(images, labels, images[:0], labels[:0], images[::-1], labels, "", "")
    assert doubts(noise)[0].startswith("The training labels")
