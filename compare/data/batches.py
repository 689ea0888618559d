"""The seeded stream of training batches: the same bytes for every framework, device and variant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from compare.data.mnist import scale
from compare.data.streams import generator
from lenet_spec import LeNetSpec


class Batch(NamedTuple):
    """The inputs of one training step, as C-contiguous arrays."""

    images: np.ndarray  # [N, 28, 28, 1] of the run's dtype, in [0, 1]
    labels: np.ndarray  # [N] int64
    dropout_mask: np.ndarray | None  # [N, 1024] of the run's dtype, 1 for kept units; None if no dropout


class TrainingImages(Protocol):
    """The fields of a data set that batches are drawn from."""

    @property
    def train_images(self) -> np.ndarray: ...  # [count, 28, 28] uint8
    @property
    def train_labels(self) -> np.ndarray: ...  # [count] uint8


def batches(
    dataset: TrainingImages, spec: LeNetSpec, *, seed: int, dtype: str = "float32"
) -> Iterator[Batch]:
    """Yield full batches of `spec.training.batch_size`, without end.

    A float64 batch holds the float32 values, widened, so that both dtypes train on the same numbers.
    """
    masks = generator(seed, "dropout")
    size = spec.training.batch_size
    for index in epoch_crossing(len(dataset.train_labels), size, generator(seed, "order")):
        images = scale(dataset.train_images[index], spec).astype(dtype, copy=False)
        labels = dataset.train_labels[index].astype(np.int64)
        mask = None
        if spec.dropout.active:
            mask = (masks.random((size, spec.dense1.units)) >= spec.dropout.rate).astype(dtype)
        yield Batch(images, labels, mask)


def epoch_crossing(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the indices [size] of each batch, from one permutation of `count` after another.

    Follows the tutorial's `next_batch`: a batch that reaches the end of an epoch takes what is left and
    continues with the next permutation. So no batch is short and no image is skipped.
    """
    pending = rng.permutation(count)
    while True:
        if (missing := size - len(pending)) > 0:
            epochs = -(-missing // count)  # several if a batch is larger than the set
            pending = np.concatenate([pending, *(rng.permutation(count) for _ in range(epochs))])
        yield pending[:size]
        pending = pending[size:]


def update_digest(digest: Any, batch: Batch) -> None:
    """Feed a batch, its dtypes and its shapes to a hashlib object."""
    for array in batch:
        if array is not None:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)


def digest_of(stream: Iterator[Batch], steps: int) -> str:
    """Return the SHA-256, in hex, of the first `steps` batches of a stream."""
    digest = hashlib.sha256()
    for _ in range(steps):
        update_digest(digest, next(stream))
    return digest.hexdigest()
