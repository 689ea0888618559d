"""One training step of LeNet in define-by-run PyTorch. Read it beside tf_impl/train.py.

Arrays come in and go out as NumPy in canonical layouts, so that nothing outside this package knows torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lenet_spec import Adam as AdamSpec
from lenet_spec import LeNetSpec
from torch_impl import layout
from torch_impl.model import LeNet, load, parameters


class Trainer:
    """LeNet, its loss and its optimizer on one device in one dtype.

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
        """One update. Returns the loss (scalar) and the logits [N, 10] from before it, on the device.

        images: [N, 28, 28, 1]; labels: [N] int64; dropout_mask: [N, 1024] of 0 and 1.
        """
        batch = self.to_device(images, labels, dropout_mask)
        return self.train_step(*batch)

    def train_step(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.optimizer.zero_grad()  # torch adds to gradients; TensorFlow's tape makes new ones
        loss, logits = self.forward(images, labels, dropout_mask)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss (scalar) and the logits [N, 10]."""
        logits = self.model(images, dropout_mask=dropout_mask)
        return self.loss(logits, labels), logits

    def phases(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> Iterator[str]:
        """One step, stopping with a phase's name after each."""
        batch = self.to_device(images, labels, dropout_mask)
        yield "host_to_device"
        self.optimizer.zero_grad()
        loss, _ = self.forward(*batch)
        yield "forward"
        loss.backward()
        yield "backward"
        self.optimizer.step()
        yield "optimizer"

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Softmax cross-entropy from logits, reduced over the batch."""
        return functional.cross_entropy(logits, labels, reduction=self.spec.loss_reduction)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits [N, 10] for evaluation: dropout off, no gradient recorded."""
        with torch.no_grad():  # TensorFlow records only under a tape, torch unless told not to
            return self.to_numpy(self.model(self.to_device(images)[0]))

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the loss's gradient by canonical parameter name; nothing is updated."""
        loss, _ = self.forward(*self.to_device(images, labels, dropout_mask))
        gradients = torch.autograd.grad(loss, list(self.variables.values()))
        return {
            name: layout.to_canonical(name, self.to_numpy(gradient), self.spec)
            for name, gradient in zip(self.variables, gradients, strict=True)
        }

    def activations(
        self, images: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Every layer's output by name, in canonical layout."""
        with torch.no_grad():
            found = self.model.activations(*self.to_device(images, dropout_mask))
        return {
            name: layout.activation_to_canonical(name, self.to_numpy(units), self.spec)
            for name, units in found.items()
        }

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters by canonical name, in canonical layout."""
        return {
            name: layout.to_canonical(name, self.to_numpy(parameter), self.spec).copy()
            for name, parameter in self.variables.items()
        }

    def devices(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, str]:
        """Where each parameter, activation and gradient lies, by name: "cpu" or "cuda"."""
        batch = self.to_device(images, labels, dropout_mask)
        loss, _ = self.forward(*batch)
        gradients = torch.autograd.grad(loss, list(self.variables.values()))
        with torch.no_grad():
            activations = self.model.activations(batch[0], batch[2])
        named = {
            **self.variables,
            **{f"activation {name}": tensor for name, tensor in activations.items()},
            **{f"gradient {name}": tensor for name, tensor in zip(self.variables, gradients, strict=True)},
        }
        return {name: self.device_of(tensor) for name, tensor in named.items()}

    def device_of(self, tensor: torch.Tensor) -> str:
        return tensor.device.type

    def to_device(self, *arrays: np.ndarray | None) -> tuple[torch.Tensor | None, ...]:
        return tuple(
            None if array is None else to_nchw(torch.from_numpy(array)).to(self.device) for array in arrays
        )

    def to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    def synchronize(self) -> None:
        """Wait until the device has done everything asked of it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Adam(torch.optim.Adam):
    """torch's fused Adam with TensorFlow's epsilon.

    torch adds epsilon to sqrt(v / (1 - beta2**t)), TensorFlow to sqrt(v). They agree where torch's is
    epsilon_hat / sqrt(1 - beta2**t), so it is set anew before each step.
    """

    def __init__(self, variables: Any, spec: AdamSpec) -> None:
        super().__init__(variables, lr=spec.learning_rate, betas=(spec.beta1, spec.beta2), fused=True)
        self.spec = spec
        self.step_count = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        self.step_count += 1
        epsilon = self.spec.epsilon_hat / math.sqrt(1 - self.spec.beta2**self.step_count)
        for group in self.param_groups:
            group["eps"] = epsilon
        return super().step(closure)


def to_nchw(tensor: torch.Tensor) -> torch.Tensor:
    """Images [N, H, W, C] to [N, C, H, W]; anything else as it is.

    A clone, since `contiguous()` does nothing here: with one channel the permuted strides read as NCHW and
    as channels_last at once, and convolution would take them for channels_last.
    """
    if tensor.ndim != 4:
        return tensor
    return tensor.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
