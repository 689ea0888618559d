"""Runs eager PyTorch at its fastest: oneDNN's tensors, pooling before ReLU. See tf_impl/tuned.py."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from lenet_spec import Conv, MaxPool
from torch_impl import train
from torch_impl.model import LeNet, activate, dropout


class Trainer(train.Trainer):
    """The same modules, parameters and autograd; operations in a cheaper order, memory in a better layout.

    On the CPU in float32 the images become a oneDNN tensor. An operation on such a tensor returns such a
    tensor, so each activation keeps the blocked layout of convolution and pooling. The dense layers run
    oneDNN's matrix product instead of MKL's, which leaves AVX-512 unused on AMD processors. CUDA and float64
    have no oneDNN tensors; there, channels last is the better layout.

    `forward` and `gradients` use this code; `activations` shows the layers in the spec's own order.
    """

    def build_model(self) -> LeNet:
        model = super().build_model()
        return model if self.onednn() else model.to(memory_format=torch.channels_last)

    def onednn(self) -> bool:
        return (
            self.device.type == "cpu" and self.dtype == torch.float32 and torch.backends.mkldnn.is_available()
        )

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        spec, model = self.spec, self.model
        x = images.to_mkldnn() if self.onednn() else images  # [N, 1, 28, 28]
        x = conv_pool(x, model.conv1, spec.conv1, spec.pool1)  # [N, 32, 12, 12]
        x = conv_pool(x, model.conv2, spec.conv2, spec.pool2)  # [N, 64, 4, 4]
        x = activate(model.dense1(model.flatten(x)), spec.dense1).to_dense()  # [N, 1024]
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = activate(model.dense2(x), spec.dense2)  # [N, 10]
        return self.loss(logits, labels), logits


def conv_pool(images: torch.Tensor, conv: nn.Conv2d, layer: Conv, pool: MaxPool) -> torch.Tensor:
    """Pool first, then apply the activation to a quarter of the units.

    The result is the same: ReLU keeps the order of the units, so the largest unit stays the largest.
    """
    return activate(functional.max_pool2d(conv(images), pool.size, pool.stride), layer)
