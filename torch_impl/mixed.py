"""Computes the step in bfloat16 with float32 weights. See tf_impl/mixed.py.

Convolutions, dense layers and activations are bfloat16; weights, the loss, gradients and Adam stay float32,
so that a small update is not rounded away. Batches come from the host in float32, as in every other run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from lenet_spec import LeNetSpec
from torch_impl import compiled, cudagraph, model, train


class LeNet(model.LeNet):
    """LeNet under `torch.autocast`: the operations of a list cast their inputs; the others keep the dtype."""

    def activations(
        self, images: torch.Tensor, dropout_mask: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        # no cache of cast weights: each weight is used once, and a CUDA graph must record its own casts
        with torch.autocast(images.device.type, torch.bfloat16, cache_enabled=False):
            return super().activations(images, dropout_mask)


class Trainer(train.Trainer):
    """`eager`, with its layers in bfloat16."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype="float32")

    def build_model(self) -> LeNet:
        return LeNet(self.spec, self.dtype).to(self.device)

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.model(images, dropout_mask=dropout_mask).float()
        return self.loss(logits, labels), logits

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return super().to_numpy(tensor.float())  # NumPy has no bfloat16


class Compiled(compiled.Trainer, Trainer):
    """`compiled`, with its layers in bfloat16."""


class CUDAGraph(cudagraph.Trainer, Trainer):
    """`cudagraph`, with its layers in bfloat16."""
