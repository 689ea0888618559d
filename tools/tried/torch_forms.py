"""PyTorch's forms, from `torch:eager` to `torch:tuned`, change by change. Some did not help."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from lenet_spec import LeNetSpec
from tools.tried.form import Form
from torch_impl import compiled, train, tuned
from torch_impl.model import LeNet, activate, dropout


class ChannelsLast(train.Trainer):
    """Model and images in channels-last memory."""

    def build_model(self) -> LeNet:
        model: LeNet = super().build_model().to(memory_format=torch.channels_last)
        return model

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(images.contiguous(memory_format=torch.channels_last), labels, dropout_mask)


class PoolFirst(train.Trainer):
    """Pooling before ReLU, in plain tensors."""

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        spec, model = self.spec, self.model
        x = tuned.conv_pool(images, model.conv1, spec.conv1, spec.pool1)
        x = tuned.conv_pool(x, model.conv2, spec.conv2, spec.pool2)
        x = activate(model.dense1(model.flatten(x)), spec.dense1)
        logits = activate(model.dense2(dropout(x, dropout_mask, spec.dropout.rate)), spec.dense2)
        return self.loss(logits, labels), logits


class PoolFirstChannelsLast(PoolFirst, ChannelsLast):
    """PoolFirst's forward with ChannelsLast's weights, by the method resolution order."""


class OneDnnDense(PoolFirst):
    """Plain tensors, except for the first dense layer, which runs oneDNN's matrix product."""

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        spec, model = self.spec, self.model
        x = tuned.conv_pool(images, model.conv1, spec.conv1, spec.pool1)
        x = tuned.conv_pool(x, model.conv2, spec.conv2, spec.pool2)
        x = functional.linear(model.flatten(x).to_mkldnn(), model.dense1.weight, model.dense1.bias)
        x = activate(x.to_dense(), spec.dense1)
        logits = activate(model.dense2(dropout(x, dropout_mask, spec.dropout.rate)), spec.dense2)
        return self.loss(logits, labels), logits


class ForeachAdam(train.Trainer):
    """Adam as a few operations over all parameters, instead of the fused kernel."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        for group in self.optimizer.param_groups:
            group["fused"], group["foreach"] = False, True


class CompiledTuned(tuned.Trainer):
    """`torch.compile` of pooling before ReLU in channels-last memory: it takes no oneDNN tensors."""

    def onednn(self) -> bool:
        return False

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype=dtype)
        self.forward = torch.compile(super().forward, dynamic=False)  # type: ignore[method-assign]


FORMS = (
    Form("torch:eager", "the baseline", train.Trainer),
    Form("channels_last", "model and images in channels-last memory", ChannelsLast),
    Form("pool first", "pooling before ReLU", PoolFirst),
    Form("pool first, channels_last", "both", PoolFirstChannelsLast),
    Form("pool first, oneDNN dense", "and oneDNN's matrix product in the first dense layer", OneDnnDense),
    Form("torch:tuned", "pooling before ReLU, oneDNN's tensors to the last hidden layer", tuned.Trainer),
    Form("foreach Adam", "Adam over all parameters at once, not fused", ForeachAdam),
    Form("torch:compiled", "torch.compile of forward and backward", compiled.Trainer),
    Form("compiled, pool first, channels_last", "torch.compile of both", CompiledTuned),
)
