"""Computes one training step of LeNet in define-by-run PyTorch. Read it beside tf_impl/train.py.

Arrays come in and go out as NumPy in canonical layouts: no code outside this package uses torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lenet_spec import Adam as AdamSpec
from lenet_spec import LeNetSpec
from torch_impl.inspection import Inspection
from torch_impl.model import LeNet, load, parameters


class Trainer(Inspection):
    """LeNet, its loss and its optimizer on one device in one dtype. See inspection.py too.

    weights: canonical names, shapes and layouts (`spec.parameter_shapes()`), any float dtype.
    device: "cpu" or "cuda". dtype: "float32" or "float64".
    """

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        self.spec = spec
        self.device = torch.device(device)
        self.dtype = getattr(torch, dtype)
        self.model = self.build_model()
        load(self.model, weights)
        self.variables = parameters(self.model)
        self.optimizer = Adam(self.variables.values(), spec.adam)

    def build_model(self) -> LeNet:
        return LeNet(self.spec, self.dtype).to(self.device)

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Make one update. Return the loss (scalar) and the logits [N, 10] from before it, on the device.

        images: [N, 28, 28, 1]; labels: [N] int64; dropout_mask: [N, 1024] of 0 and 1.
        """
        return self.train_step(*self.to_device(images, labels, dropout_mask))

    def train_step(self, *batch: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits, _ = self.value_and_gradients(*batch)
        self.optimizer.step()  # reads the gradients that backward() wrote into parameter.grad
        return loss, logits

    def value_and_gradients(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss, the logits, and the loss's gradient by canonical parameter name."""
        self.optimizer.zero_grad()  # torch adds to gradients; TensorFlow's tape makes new ones
        loss, logits = self.forward(images, labels, dropout_mask)
        loss.backward()
        gradients = {name: parameter.grad for name, parameter in self.variables.items()}
        return loss.detach(), logits.detach(), gradients

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss (scalar) and the logits [N, 10]."""
        logits = self.model(images, dropout_mask=dropout_mask)
        return self.loss(logits, labels), logits

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return softmax cross-entropy from logits, reduced over the batch."""
        return functional.cross_entropy(logits, labels, reduction=self.spec.loss_reduction)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits [N, 10] for evaluation: dropout is off and no gradient is recorded."""
        with torch.no_grad():  # TensorFlow records only under a tape, torch by default
            return self.to_numpy(self.model(self.to_device(images)[0]))


class Adam(torch.optim.Adam):
    """torch's fused Adam with TensorFlow's epsilon.

    torch adds epsilon to sqrt(v / (1 - beta2**t)), TensorFlow to sqrt(v). They agree if torch's epsilon is
    epsilon_hat / sqrt(1 - beta2**t), so it is set again before each step.
    """

    def __init__(self, variables: Any, spec: AdamSpec) -> None:
        super().__init__(variables, lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), fused=True)
        self.spec = spec
        self.step_count = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.step_count += 1
        bias_correction = math.sqrt(1 - self.spec.beta2**self.step_count)
        self.param_groups[0]["eps"] = self.spec.epsilon_hat / bias_correction
        return super().step(closure)
