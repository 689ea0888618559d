"""Defines porting mistakes in the model, the loss or the optimizer. Loads only in a torch worker.

Each one is written as a porter would write it, as an override of the correct trainer. `parameters()` reverses
the same transpose as the loading, so that a wrong transpose does not show in a round trip.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from compare.data.weights import initial_weights
from lenet_spec import Adam as AdamSpec
from lenet_spec import LeNetSpec
from torch_impl import layout
from torch_impl.model import LeNet, parameters
from torch_impl.train import Adam, Trainer


class SamePadding(Trainer):
    """The network for the tutorial's unused flat_size: dense1 has 7 · 7 · 64 = 3136 inputs."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        padded = dataclasses.replace(
            spec,
            conv1=dataclasses.replace(spec.conv1, padding="same"),
            conv2=dataclasses.replace(spec.conv2, padding="same"),
        )
        own = initial_weights(padded, seed=0)
        fitting = {
            name: weights[name] if weights[name].shape == own[name].shape else own[name] for name in own
        }
        super().__init__(padded, fitting, **where)


class TorchDefaultKernels(Trainer):
    """Biases are loaded; kernels keep the initial values of nn.Conv2d and nn.Linear."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, without(spec, weights, "kernel"), **where)


class TorchDefaultBiases(Trainer):
    """Kernels are loaded; biases keep the initial values of nn.Conv2d and nn.Linear."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, without(spec, weights, "bias"), **where)


def without(spec: LeNetSpec, weights: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Return the weights, but replace one kind by torch's own initial values, with a seed."""
    torch.manual_seed(0)
    drawn = parameters(LeNet(spec, torch.float32))
    return {
        name: layout.to_canonical(name, drawn[name].detach().numpy(), spec) if name.endswith(kind) else array
        for name, array in weights.items()
    }


class Turned(Trainer):
    """A trainer that transposes some kernels wrongly, and reverses this on reading."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        self.spec = spec
        super().__init__(spec, {name: self.turn(name, array) for name, array in weights.items()}, **where)

    def turn(self, name: str, array: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def turn_back(self, name: str, array: np.ndarray) -> np.ndarray:
        return self.turn(name, array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {name: self.turn_back(name, array) for name, array in super().parameters().items()}

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        found = super().gradients(images, labels, dropout_mask)
        return {name: self.turn_back(name, array) for name, array in found.items()}


class KernelHeightWidthSwapped(Turned):
    """`kernel.T` is [out, in, width, height]: the shape fits, since the window is square."""

    def turn(self, name: str, array: np.ndarray) -> np.ndarray:
        return array.swapaxes(0, 1) if array.ndim == 4 else array


class PlainDenseTranspose(Turned):
    """`kernel.T` for dense1: the shape fits, but torch's flattened units come channel first."""

    def turn(self, name: str, array: np.ndarray) -> np.ndarray:
        return layout.to_canonical(name, array.T, self.spec) if name == "dense1/kernel" else array

    def turn_back(self, name: str, array: np.ndarray) -> np.ndarray:
        return layout.from_canonical(name, array, self.spec).T if name == "dense1/kernel" else array


class AveragePooling(Trainer):
    """Pooling takes the mean of each window instead of its largest value."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.pool1 = nn.AvgPool2d(self.spec.pool1.size, self.spec.pool1.stride)
        model.pool2 = nn.AvgPool2d(self.spec.pool2.size, self.spec.pool2.stride)
        return model


class DroppingLeNet(LeNet):
    """LeNet that drops units in training mode by its own masks, as nn.Dropout does."""

    def activations(
        self, images: torch.Tensor, dropout_mask: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        if self.training:
            kept = 1 - self.spec.dropout.rate
            shape = (len(images), self.spec.dense1.units)
            dropout_mask = torch.bernoulli(torch.full(shape, kept, dtype=images.dtype, device=images.device))
        return super().activations(images, dropout_mask)


class DropoutLeftOn(Trainer):
    """`model.train()` and `model.eval()` are in the usual places, but the spec says that dropout is off."""

    def build_model(self) -> LeNet:
        torch.manual_seed(0)
        model: LeNet = DroppingLeNet(self.spec, self.dtype).to(self.device)
        return model

    def logits(self, images: np.ndarray) -> np.ndarray:
        self.model.eval()
        found = super().logits(images)
        self.model.train()
        return found


class RateAsKeepProbability(Trainer):
    """TensorFlow 1's `keep_prob` is used as `rate`: kept units are scaled by 1 / 0.75, not 1 / 0.25."""

    def build_model(self) -> LeNet:
        inverted = dataclasses.replace(self.spec.dropout, rate=1 - self.spec.dropout.rate)
        model: LeNet = LeNet(dataclasses.replace(self.spec, dropout=inverted), self.dtype).to(self.device)
        return model


class SoftmaxTwice(Trainer):
    """A softmax comes before a loss that takes logits."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().loss(torch.softmax(logits, dim=1), labels)


class SummedLoss(Trainer):
    """The loss is the sum over the batch instead of the mean."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, labels, reduction="sum")


class L2InLoss(Trainer):
    """The loss has the penalty of Keras's `kernel_regularizer=l2(1e-4)`; the spec has no weight decay."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        kernels = [array for name, array in self.variables.items() if name.endswith("/kernel")]
        penalty = torch.stack([kernel.square().sum() for kernel in kernels]).sum()
        return super().loss(logits, labels) + 1e-4 * penalty


class DetachedConvolutions(Trainer):
    """No gradient reaches the convolutions."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.pool2.register_forward_hook(lambda _module, _inputs, output: output.detach())
        return model


class EpsilonNotConverted(Trainer):
    """The spec's epsilon goes unchanged to torch.optim.Adam, which adds it inside the bias correction."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, weights, **where)
        adam = spec.adam
        self.optimizer = torch.optim.Adam(
            self.variables.values(),
            lr=adam.learning_rate,
            betas=(adam.beta1, adam.beta2),
            eps=adam.epsilon_hat,
            fused=True,
        )


class DecoupledDecay(Trainer):
    """torch.optim.AdamW with its default decay: every step shrinks every parameter by lr · 0.01."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, weights, **where)
        self.optimizer = DecayingAdam(self.variables.values(), spec.adam)


class DecayingAdam(Adam):
    """Adam with weight decay."""

    def __init__(self, variables: Any, spec: AdamSpec) -> None:
        super().__init__(variables, spec)
        for group in self.param_groups:
            group["weight_decay"] = 0.01
            group["decoupled_weight_decay"] = True


class GradientNotCleared(Trainer):
    """Each step adds its gradients to those of the previous steps."""

    def train_step(self, *batch: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = self.forward(*batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()
