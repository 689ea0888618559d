"""Mistakes of data-parallel training in PyTorch. Loads in a rank's worker only."""

# no `from __future__ import annotations`: torch reads those of a communication hook
import dataclasses
import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import distributed

from compare.data import batches as shared
from compare.data import mnist
from compare.data.batches import Batch
from lenet_spec import LeNetSpec
from torch_impl.ranks import Trainer


class GradientsSummed(Trainer):
    """Sums gradients in a communication hook, which must also average them."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.replica.register_comm_hook(None, summed)


def summed(_: None, bucket: distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """Sum a bucket of gradients over the ranks."""
    work = distributed.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda done: done.value()[0])


class DividedByWholeBatch(Trainer):
    """Divides the sum by the size of the whole batch, as TensorFlow needs it, but torch averages it again."""

    def weight(self, images: torch.Tensor) -> float:
        return len(images) / self.spec.training.batch_size


class MeanOfUnequalMeans(Trainer):
    """Averages the ranks' means, although the ranks have unequal numbers of rows."""

    def weight(self, images: torch.Tensor) -> float:
        return 1.0


class RowsRepeated(MeanOfUnequalMeans):
    """Repeats the first rows on a rank that has fewer, as `DistributedSampler` does in its last round."""

    def value_and_gradients(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        most = math.ceil(self.spec.training.batch_size / distributed.get_world_size())
        mask = None if dropout_mask is None else filled(dropout_mask, most)
        loss, logits, gradients = super().value_and_gradients(
            filled(images, most), filled(labels, most), mask
        )
        return loss, logits[: len(images)], gradients


def filled(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Return `count` rows: append the first rows again if there are fewer."""
    return torch.cat([rows, rows[: count - len(rows)]])


class SameDropoutMask(Trainer):
    """Uses rank 0's dropout mask on every rank, as equal seeds would."""

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if dropout_mask is not None:
            dropout_mask = dropout_mask.clone()
            distributed.broadcast(dropout_mask, 0)
        return super().forward(images, labels, dropout_mask)


class BatchSizePerRank(MeanOfUnequalMeans):
    """Gives each rank the batch size of one process, so N ranks train on N times as many rows."""

    @staticmethod
    def batches(dataset: mnist.Dataset, spec: LeNetSpec, *, seed: int, dtype: str) -> Iterator[Batch]:
        size = spec.training.batch_size * distributed.get_world_size()
        larger = dataclasses.replace(spec, training=dataclasses.replace(spec.training, batch_size=size))
        return shared.batches(dataset, larger, seed=seed, dtype=dtype)
