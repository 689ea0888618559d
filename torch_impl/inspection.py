"""Gives the harness access to a trainer's state and devices. Read it beside tf_impl/inspection.py.

It moves arrays in and out, waits for the device, and returns parameters, moments, activations and gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from lenet_spec import LeNetSpec
from torch_impl import layout
from torch_impl.model import LeNet


class Inspection(ABC):
    """The base of `train.Trainer`, which sets these attributes and defines the abstract methods."""

    spec: LeNetSpec
    device: torch.device
    model: LeNet
    optimizer: torch.optim.Optimizer
    variables: dict[str, torch.nn.Parameter]  # by canonical name

    @abstractmethod
    def value_and_gradients(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]: ...

    @abstractmethod
    def forward(
        self, images: torch.Tensor, labels: torch.Tensor, dropout_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]: ...

    def to_device(self, *arrays: np.ndarray | None) -> tuple[torch.Tensor | None, ...]:
        """Return tensors on the trainer's device, with images as NCHW."""
        return tuple(
            None if array is None else to_nchw(torch.from_numpy(array)).to(self.device) for array in arrays
        )

    def to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters by canonical name, in canonical layout."""
        return {name: array.copy() for name, array in self.canonical(self.variables).items()}

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return copies of Adam's first and second moments by canonical name; empty before the first step."""
        state = self.optimizer.state
        first, second = (
            {name: state[one][moment].clone() for name, one in self.variables.items() if one in state}
            for moment in ("exp_avg", "exp_avg_sq")
        )
        return self.canonical(first), self.canonical(second)

    def canonical(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
        """Return parameters, or their gradients, in canonical layout. In TensorFlow they already have it."""
        return {
            name: layout.to_canonical(name, self.to_numpy(tensor), self.spec)
            for name, tensor in tensors.items()
        }

    def activations(
        self, images: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return every layer's output by name, in canonical layout."""
        with torch.no_grad():
            found = self.model.activations(*self.to_device(images, dropout_mask))
        return {
            name: layout.activation_to_canonical(name, self.to_numpy(units), self.spec)
            for name, units in found.items()
        }

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the loss's gradient by canonical name, in canonical layout; update nothing.

        A parameter that does not affect the loss has no gradient.
        """
        _, _, found = self.value_and_gradients(*self.to_device(images, labels, dropout_mask))
        arrays = self.canonical({name: one for name, one in found.items() if one is not None})
        self.optimizer.zero_grad()  # so that a later step does not add to these gradients
        return arrays

    def devices(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, str]:
        """Return the device of each parameter, activation and gradient, and of the loss and the logits."""
        batch = self.to_device(images, labels, dropout_mask)
        loss, logits, gradients = self.value_and_gradients(*batch)
        with torch.no_grad():
            activations = self.model.activations(batch[0], batch[2])
        tensors = {
            **self.variables,
            **{f"activation {name}": units for name, units in activations.items()},
            **{f"gradient {name}": gradient for name, gradient in gradients.items() if gradient is not None},
            "loss": loss,
            "logits": logits,
        }
        self.optimizer.zero_grad()
        return {name: self.device_of(tensor) for name, tensor in tensors.items()}

    def device_of(self, tensor: torch.Tensor) -> str:
        """Return "cpu" or "cuda"."""
        return tensor.device.type

    def phases(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> Iterator[str]:
        """Make one step, and yield the name of each phase as soon as the phase's work is launched."""
        batch = self.to_device(images, labels, dropout_mask)
        yield "host_to_device"
        self.optimizer.zero_grad()
        loss, _ = self.forward(*batch)
        yield "forward"
        loss.backward()
        yield "backward"
        self.optimizer.step()
        yield "optimizer"


def to_nchw(tensor: torch.Tensor) -> torch.Tensor:
    """Turn images [N, H, W, C] into [N, C, H, W]; return any other tensor unchanged.

    The result is a clone, since `contiguous()` does nothing here. With one channel, the permuted strides fit
    both NCHW and channels_last, and convolution would treat them as channels_last.
    """
    if tensor.ndim != 4:
        return tensor
    return tensor.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
