"""The stream of batches: seeded, epoch-crossing, independent of everything else."""

import dataclasses
import hashlib
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from compare.data.batches import Batch, batches, digest_of, epoch_crossing, update_digest
from compare.data.mnist import Dataset, load
from compare.data.streams import generator
from lenet_spec import Dropout, LeNetSpec, Training
from tests.known import known

SPEC = LeNetSpec()
SMALL = SimpleNamespace(
    train_images=np.arange(10 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(10, 28, 28),
    train_labels=np.arange(10, dtype=np.uint8),
)


def small_spec(dropout: Dropout = SPEC.dropout) -> LeNetSpec:
    """Batches of four."""
    return dataclasses.replace(SPEC, training=Training(batch_size=4), dropout=dropout)


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """Return the embedded data set."""
    return load(None, SPEC)


def test_the_digest_of_the_first_hundred_batches_is_fixed(mnist: Dataset) -> None:
    """Another NumPy, another machine: the same bytes, or this fails."""
    assert digest_of(batches(mnist, SPEC, seed=0), 100) == (
        "68c08405637b6f8895d052d1af1d8bd47397ebfe85a02a00c25c80336827f4cf"
    )


def test_a_seed_gives_the_same_batches_again(mnist: Dataset) -> None:
    """Two streams of one seed are equal, of two seeds are not."""
    assert digest_of(batches(mnist, SPEC, seed=3), 5) == digest_of(batches(mnist, SPEC, seed=3), 5)
    assert digest_of(batches(mnist, SPEC, seed=3), 5) != digest_of(batches(mnist, SPEC, seed=4), 5)


def test_an_epoch_shows_every_image_once_and_batches_cross_its_end() -> None:
    """With 10 images in batches of 4, the third takes 2 of one permutation and 2 of the next."""
    indices = np.concatenate(list(islice(epoch_crossing(10, 4, generator(0, "order")), 5)))
    assert sorted(indices[:10]) == list(range(10))
    assert sorted(indices[10:]) == list(range(10))
    assert list(indices[:10]) != list(indices[10:])


def test_a_batch_larger_than_the_data_set_spans_epochs() -> None:
    """25 of 10 images: every image twice, half of them three times."""
    first = next(epoch_crossing(10, 25, generator(0, "order")))
    assert len(first) == 25
    assert np.bincount(first, minlength=10).min() == 2


def test_images_and_labels_stay_together() -> None:
    """Each row of a batch carries the label of its own image."""
    batch = next(batches(SMALL, small_spec(), seed=0))
    for image, label in zip(batch.images, batch.labels, strict=True):
        expected = SMALL.train_images[label].astype(np.float32) * np.float32(1 / 255)
        np.testing.assert_array_equal(image[..., 0], expected)


def test_shapes_and_dtypes(mnist: Dataset) -> None:
    """NHWC images of the run's dtype in [0, 1], int64 labels, no mask while dropout is inactive."""
    for dtype in ("float32", "float64"):
        batch = next(batches(mnist, SPEC, seed=0, dtype=dtype))
        assert batch.images.shape == (128, 28, 28, 1)
        assert batch.images.dtype == dtype
        assert batch.images.min() == 0
        assert batch.images.max() == 1
        assert batch.labels.dtype == np.int64
        assert batch.dropout_mask is None


def test_float64_holds_the_float32_values() -> None:
    """Both dtypes train on the same numbers."""
    narrow = next(batches(SMALL, small_spec(), seed=0, dtype="float32"))
    wide = next(batches(SMALL, small_spec(), seed=0, dtype="float64"))
    np.testing.assert_array_equal(narrow.images.astype(np.float64), wide.images)


def test_dropout_masks_do_not_move_the_batches() -> None:
    """Switching dropout on draws masks from a stream of their own."""
    off = list(islice(batches(SMALL, small_spec(), seed=0), 5))
    on = list(islice(batches(SMALL, small_spec(dropout=Dropout(active=True)), seed=0), 5))
    for left, right in zip(off, on, strict=True):
        np.testing.assert_array_equal(left.images, right.images)
    masks = np.stack([known(batch.dropout_mask) for batch in on])
    assert masks.shape == (5, 4, 1024)
    assert set(np.unique(masks)) == {0, 1}
    assert abs(masks.mean() - 0.25) < 0.02  # the rate is the fraction dropped


def test_the_digest_sees_every_part_of_a_batch() -> None:
    """A changed pixel, label, mask or dtype changes the digest."""
    batch = next(batches(SMALL, small_spec(dropout=Dropout(active=True)), seed=0))

    def sha(changed: Batch) -> str:
        digest = hashlib.sha256()
        update_digest(digest, changed)
        return digest.hexdigest()

    images, labels, mask = batch.images.copy(), batch.labels.copy(), known(batch.dropout_mask).copy()
    images[0, 0, 0, 0] += 1
    labels[0] += 1
    mask[0, 0] = 1 - mask[0, 0]
    variants = [
        batch,
        batch._replace(images=images),
        batch._replace(labels=labels),
        batch._replace(dropout_mask=mask),
        batch._replace(dropout_mask=None),
        batch._replace(images=batch.images.astype(np.float64)),
    ]
    assert len({sha(variant) for variant in variants}) == len(variants)
