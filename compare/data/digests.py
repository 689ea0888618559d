"""Computes a digest of each array of a stream, to name the first batch that differs. NumPy only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np

from compare.data.batches import Batch


def batch_digests(stream: Iterator[Batch], steps: int) -> dict[str, list[str]]:
    """Return one digest for each batch, by the array's name (images, labels, dropout_mask).

    The digests cover shapes and values but not dtypes: int32 labels have the same digest as int64 labels.
    The digest of a missing mask is empty.
    """
    found: dict[str, list[str]] = {name: [] for name in Batch._fields}
    for batch in islice(stream, steps):
        for name, array in zip(Batch._fields, batch, strict=True):
            found[name].append("" if array is None else array_digest(array))
    return found


def array_digest(array: np.ndarray) -> str:
    """Return 16 hex digits for the shape and the values, as float64, which holds them exactly."""
    digest = hashlib.sha256(repr(tuple(array.shape)).encode())
    digest.update(np.ascontiguousarray(array, np.float64).data)
    return digest.hexdigest()[:16]


def describe(batch: Batch) -> dict[str, str]:
    """Describe each array of a batch in words: shape, range, mean."""
    return {
        name: "none"
        if array is None
        else f"{list(array.shape)}, {array.min():.4g} to {array.max():.4g}, mean {array.mean():.4g}"
        for name, array in zip(Batch._fields, batch, strict=True)
    }
