"""Defines porting mistakes in the input pipeline; the model is correct. Loads only in a torch worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import islice

import numpy as np

from compare.data import batches as shared
from compare.data import mnist
from compare.data.batches import Batch
from compare.data.streams import generator
from lenet_spec import LeNetSpec
from torch_impl.train import Trainer

MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's training pixels, from torchvision's examples
BUFFER = 1000  # images in tf.data's shuffle buffer, in many examples
SWAPPED = 2  # this batch and the next one are exchanged


class PixelsUnscaled(Trainer):
    """The pixels are 0 to 255, in training and in the test, as the author of this mistake would do it."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        for batch in shared.batches(dataset, spec, seed=seed, dtype=dtype):
            yield batch._replace(images=unscaled(batch.images, spec))

    def logits(self, images: np.ndarray) -> np.ndarray:
        return super().logits(unscaled(images, self.spec))


def unscaled(images: np.ndarray, spec: LeNetSpec) -> np.ndarray:
    return np.rint(images / spec.input.pixel_scale).astype(images.dtype)


class PixelsNormalised(Trainer):
    """The pixels are normalised by mean 0.1307 and deviation 0.3081, as in many torch examples."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        for batch in shared.batches(dataset, spec, seed=seed, dtype=dtype):
            yield batch._replace(images=normalised(batch.images))

    def logits(self, images: np.ndarray) -> np.ndarray:
        return super().logits(normalised(images))


def normalised(images: np.ndarray) -> np.ndarray:
    return ((images - MEAN) / DEVIATION).astype(images.dtype)


class PixelsDivided(Trainer):
    """Pixels are divided by 255, as by torchvision's v1 `ToTensor`, so 126 of 256 values differ in a bit."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        for batch in shared.batches(dataset, spec, seed=seed, dtype=dtype):
            divided = unscaled(batch.images, spec).astype(np.float32) / np.float32(255)
            yield batch._replace(images=divided.astype(dtype))


class SmallShuffleBuffer(Trainer):
    """Each image is drawn from the next BUFFER images of the epoch: the buffer is smaller than the data."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        order, masks = generator(seed, "order"), shared.batches(dataset, spec, seed=seed, dtype=dtype)
        indices = from_buffer(len(dataset.train_labels), order)
        while index := list(islice(indices, spec.training.batch_size)):
            images = mnist.scale(dataset.train_images[index], spec).astype(dtype, copy=False)
            labels = dataset.train_labels[index].astype(np.int64)
            yield Batch(images, labels, next(masks).dropout_mask if spec.dropout.active else None)


def from_buffer(count: int, order: np.random.Generator) -> Iterator[int]:
    """Yield indices epoch after epoch; images of one epoch stay near their place."""
    size = max(2, min(BUFFER, count // 2))
    while True:
        buffer = list(range(size))
        for coming in range(size, count):
            place = int(order.integers(size))
            yield buffer[place]
            buffer[place] = coming
        yield from order.permutation(buffer).tolist()


class BatchOutOfOrder(Trainer):
    """Two batches are exchanged."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        stream = shared.batches(dataset, spec, seed=seed, dtype=dtype)
        yield from islice(stream, SWAPPED)
        first, second = next(stream), next(stream)
        yield second
        yield first
        yield from stream


class ValidationNotRemoved(Trainer):
    """The training uses all 60,000 images, and keeps none for validation."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        whole = dataclasses.replace(
            dataset,
            train_images=np.concatenate([dataset.validation_images, dataset.train_images]),
            train_labels=np.concatenate([dataset.validation_labels, dataset.train_labels]),
        )
        return shared.batches(whole, spec, seed=seed, dtype=dtype)


class PartialBatchDropped(Trainer):
    """Each epoch ends after its last full batch."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        size, count = spec.training.batch_size, len(dataset.train_labels)
        order = generator(seed, "order")
        masks = shared.batches(dataset, spec, seed=seed, dtype=dtype)
        while True:
            pending = order.permutation(count)
            for start in range(0, count - size + 1, size):
                index = pending[start : start + size]
                images = mnist.scale(dataset.train_images[index], spec).astype(dtype, copy=False)
                labels = dataset.train_labels[index].astype(np.int64)
                yield Batch(images, labels, next(masks).dropout_mask if spec.dropout.active else None)
