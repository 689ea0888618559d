"""Digests of a stream, array by array, so that the first batch that differs can be named. NumPy only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np

from compare.data.batches import Batch


def batch_digests(stream: Iterator[Batch], steps: int) -> dict[str, list[str]]:
    """By the array's name (images, labels, dropout_mask), one digest a batch.

    Over shapes and values, not dtypes: labels as int32 are the same labels. A missing mask's is empty.
    """
    found: dict[str, list[str]] = {name: [] for name in Batch._fields}
    for batch in islice(stream, steps):
        for name, array in zip(Batch._fields, batch, strict=True):
            found[name].append("" if array is None else array_digest(array))
    return found


def array_digest(array: np.ndarray) -> str:
    """16 hex digits over the shape and the values; float64 holds every float32 and every label exactly."""
    digest = hashlib.sha256(repr(tuple(array.shape)).encode())
    digest.update(np.ascontiguousarray(array, np.float64).data)
    return digest.hexdigest()[:16]


def describe(batch: Batch) -> dict[str, str]:
    """Return what each array of a batch looks like, in words: shape, range, mean."""
    return {
        name: "none"
        if array is None
        else f"{list(array.shape)}, {array.min():.4g} to {array.max():.4g}, mean {array.mean():.4g}"
        for name, array in zip(Batch._fields, batch, strict=True)
    }
