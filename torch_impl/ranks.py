"""One rank of data-parallel training: torch's DistributedDataParallel. Read it beside tf_impl/ranks.py.

Each rank trains on its rows of the shared batch. DistributedDataParallel averages gradients over the ranks,
TensorFlow's optimizers sum them: so a rank's share of the loss is scaled up here before it goes backward, and
not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from lenet_spec import LeNetSpec
from torch_impl import train


def join(*, rank: int, world_size: int, rendezvous: str, timeout_seconds: float) -> None:
    """Wait until every rank has joined. rendezvous: the path of a file that all ranks can write."""
    distributed.init_process_group(
        "gloo",
        init_method=Path(rendezvous).as_uri(),
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=timeout_seconds),
    )


class Trainer(train.Trainer):
    """`eager` on one rank. `step` returns this rank's share of the loss: the shares add up to the loss."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.world_size = distributed.get_world_size()
        self.replica = DistributedDataParallel(self.model)  # its forward arranges that gradients are averaged

    def train_step(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.optimizer.zero_grad()
        loss, logits = self.forward(images, labels, dropout_mask)
        (loss * self.world_size).backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.replica(images, dropout_mask=dropout_mask)
        return self.share(self.loss(logits, labels), len(labels)), logits

    def share(self, loss: torch.Tensor, rows: int) -> torch.Tensor:
        """Return what this rank's rows add to the whole batch's loss."""
        return loss * (rows / self.spec.training.batch_size) if self.spec.loss_reduction == "mean" else loss

    def barrier(self) -> None:
        """Wait until every rank is here."""
        distributed.barrier()
