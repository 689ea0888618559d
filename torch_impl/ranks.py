"""One rank of data-parallel training: torch's DistributedDataParallel. Read it beside tf_impl/ranks.py.

Each rank trains on its rows of the shared batch. DistributedDataParallel averages gradients over the ranks,
and TensorFlow's optimizers sum them: so with equal shares the loss goes backward here as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from lenet_spec import LeNetSpec
from torch_impl import train


def join(*, rank: int, world_size: int, rendezvous: str, device: str, timeout_seconds: float) -> None:
    """Wait until every rank has joined. rendezvous: the path of a file that all ranks can write."""
    distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        init_method=Path(rendezvous).as_uri(),
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=timeout_seconds),
    )


class Trainer(train.Trainer):
    """`eager` on one rank. `step` returns the loss and the logits of this rank's rows."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.replica = DistributedDataParallel(self.model)  # exchanges gradients while `backward` runs

    def value_and_gradients(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Return loss and logits of this rank's rows, and the gradient of the whole batch's loss."""
        self.optimizer.zero_grad()
        loss, logits = self.forward(images, labels, dropout_mask)
        (loss * self.weight(images)).backward()  # averages over the ranks
        gradients = {name: parameter.grad for name, parameter in self.variables.items()}
        return loss.detach(), logits.detach(), gradients

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.replica(images, dropout_mask=dropout_mask)
        return self.loss(logits, labels), logits

    def weight(self, images: torch.Tensor) -> float:
        """Return the factor from the ranks' average to the batch's loss; 1 for a mean over equal shares."""
        ranks = distributed.get_world_size()
        if self.spec.loss_reduction == "sum":
            return ranks
        return len(images) * ranks / self.spec.training.batch_size

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """Yield nothing: the exchange of gradients runs inside the backward pass."""
        return iter(())

    def barrier(self) -> None:
        """Wait until every rank is here."""
        distributed.barrier()


class Compiled(Trainer):
    """`compiled` on one rank: DistributedDataParallel around the compiled network, as torch advises."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.replica = DistributedDataParallel(torch.compile(self.model, dynamic=False))
