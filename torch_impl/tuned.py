"""Eager PyTorch at its fastest: channels last, pooling before bias and ReLU. See tf_impl/tuned.py."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from lenet_spec import Conv, MaxPool
from torch_impl import train
from torch_impl.model import LeNet, activate, dropout


class Trainer(train.Trainer):
    """The same modules and parameters, with operations in a cheaper order and memory in a better one."""

    def build_model(self) -> LeNet:
        # oneDNN works on channels last without reordering every activation there and back
        return super().build_model().to(memory_format=torch.channels_last)

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        spec, model = self.spec, self.model
        x = conv_pool(images, model.conv1, spec.conv1, spec.pool1)  # [N, 32, 12, 12]
        x = conv_pool(x, model.conv2, spec.conv2, spec.pool2)  # [N, 64, 4, 4]
        x = activate(model.dense1(torch.flatten(x, 1)), spec.dense1)  # [N, 1024]
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = activate(model.dense2(x), spec.dense2)  # [N, 10]
        return self.loss(logits, labels), logits


def conv_pool(images: torch.Tensor, conv: nn.Conv2d, layer: Conv, pool: MaxPool) -> torch.Tensor:
    """Pool, then the activation, on a quarter of the units.

    The same function: ReLU keeps the order of units, so the largest stays the largest.
    """
    return activate(functional.max_pool2d(conv(images), pool.size, pool.stride), layer)
