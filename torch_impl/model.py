"""Defines LeNet as an nn.Module. Read it beside tf_impl/model.py: the same names in the same order.

PyTorch keeps images NCHW and convolution kernels OIHW; `torch_impl.layout` converts both to and from the
canonical layouts, which are TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from lenet_spec import Conv, Dense, LeNetSpec, MaxPool
from torch_impl import layout


class LeNet(nn.Module):
    """Two convolutions, two pools and two dense layers. It returns logits, without softmax."""

    def __init__(self, spec: LeNetSpec, dtype: torch.dtype) -> None:
        super().__init__()
        self.spec = spec
        self.conv1 = conv(spec.conv1, spec.input.channels, dtype)  # torch needs the input's width too
        self.pool1 = max_pool(spec.pool1)
        self.conv2 = conv(spec.conv2, spec.conv1.filters, dtype)
        self.pool2 = max_pool(spec.pool2)
        self.flatten = nn.Flatten()
        self.dense1 = dense(spec.dense1, spec.flat_size, dtype)
        self.dense2 = dense(spec.dense2, spec.dense1.units, dtype)

    def forward(self, images: torch.Tensor, dropout_mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.activations(images, dropout_mask)["logits"]

    def activations(
        self, images: torch.Tensor, dropout_mask: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Return every layer's output by name, in order. images: [N, 1, 28, 28]."""
        conv1 = activate(self.conv1(images), self.spec.conv1)  # [N, 32, 24, 24]
        pool1 = self.pool1(conv1)  # [N, 32, 12, 12]
        conv2 = activate(self.conv2(pool1), self.spec.conv2)  # [N, 64, 8, 8]
        pool2 = self.pool2(conv2)  # [N, 64, 4, 4]
        flat = self.flatten(pool2)  # [N, 1024], in the order channel, height, width
        dense1 = activate(self.dense1(flat), self.spec.dense1)  # [N, 1024]
        dropped = dropout(dense1, dropout_mask, self.spec.dropout.rate)  # [N, 1024]
        logits = activate(self.dense2(dropped), self.spec.dense2)  # [N, 10]
        return {
            "conv1": conv1,
            "pool1": pool1,
            "conv2": conv2,
            "pool2": pool2,
            "flat": flat,
            "dense1": dense1,
            "dropout": dropped,
            "logits": logits,
        }


def conv(layer: Conv, in_channels: int, dtype: torch.dtype) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels,
        layer.filters,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dtype=dtype,
    )


def max_pool(layer: MaxPool) -> nn.MaxPool2d:
    return nn.MaxPool2d(layer.size, layer.stride)


def dense(layer: Dense, in_features: int, dtype: torch.dtype) -> nn.Linear:
    return nn.Linear(in_features, layer.units, dtype=dtype)


def activate(units: torch.Tensor, layer: Conv | Dense) -> torch.Tensor:
    """Apply the activation to a layer's output: torch layers have no activation argument."""
    return torch.relu(units) if layer.activation == "relu" else units


def dropout(units: torch.Tensor, mask: torch.Tensor | None, rate: float) -> torch.Tensor:
    """Set units to 0 if their mask is 0, and scale the rest by 1 / (1 - rate); no mask, no dropout.

    `nn.Dropout` draws its own masks, but the two frameworks must drop the same units.
    """
    return units if mask is None else units * (mask / (1 - rate))


def parameters(model: LeNet) -> dict[str, nn.Parameter]:
    """Return the trainable parameters by canonical name, in canonical order."""
    named = {}
    for name in ("conv1", "conv2", "dense1", "dense2"):
        layer = getattr(model, name)
        named[f"{name}/kernel"] = layer.weight  # torch calls a kernel a weight
        named[f"{name}/bias"] = layer.bias
    return named


def load(model: LeNet, weights: Mapping[str, np.ndarray]) -> None:
    """Copy canonical weights into the model, in torch's layouts."""
    with torch.no_grad():
        for name, parameter in parameters(model).items():
            parameter.copy_(torch.from_numpy(layout.from_canonical(name, weights[name], model.spec)))
