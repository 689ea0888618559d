"""A port for a worker: torch's eager trainer with products and convolutions rounded as TF32 rounds them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from torch_impl import train
from torch_impl.model import LeNet


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """Return float32 numbers with the 10 bits that TF32 keeps, rounded half up."""
    bits = tensor.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


class Operand(torch.autograd.Function):  # type: ignore[misc]  # torch has no types for it
    """What goes into a product: rounded, in the backward pass too, which saved it."""

    @staticmethod
    def forward(_context: Any, tensor: torch.Tensor) -> torch.Tensor:
        return rounded(tensor)

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class Result(torch.autograd.Function):  # type: ignore[misc]  # torch has no types for it
    """What comes out: its gradient goes into the products of the backward pass."""

    @staticmethod
    def forward(_context: Any, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.clone()

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        return rounded(gradient)


class Trainer(train.Trainer):
    """`eager`, in TF32."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        for name, operation in (
            ("conv1", functional.conv2d),
            ("conv2", functional.conv2d),
            ("dense1", functional.linear),
            ("dense2", functional.linear),
        ):
            layer = getattr(model, name)
            layer.forward = self.in_tf32(layer, operation)
        return model

    def in_tf32(self, layer: Any, operation: Any) -> Any:
        def forward(images: torch.Tensor) -> torch.Tensor:
            weight = Operand.apply(layer.weight)
            return Result.apply(operation(Operand.apply(images), weight)) + (
                layer.bias if images.ndim == 2 else layer.bias[:, None, None]
            )

        return forward
