"""Selects the rows of a shared batch that each rank of a data-parallel group trains on."""

from __future__ import annotations

from compare.data.batches import Batch


def rows_of(rank: int, world_size: int, count: int) -> slice:
    """Return the rows of `rank`: ranks split `count` rows in order, into sizes that differ by at most one."""
    return slice(rank * count // world_size, (rank + 1) * count // world_size)


def shard(batch: Batch, rank: int, world_size: int) -> Batch:
    """Return a rank's rows of every array of the batch, as contiguous views."""
    rows = rows_of(rank, world_size, len(batch.labels))
    mask = None if batch.dropout_mask is None else batch.dropout_mask[rows]
    return Batch(batch.images[rows], batch.labels[rows], mask)
