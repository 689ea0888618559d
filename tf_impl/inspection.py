"""Gives the harness access to a trainer's state and devices. Read it beside torch_impl/inspection.py.

It moves arrays in and out, waits for the device, and returns parameters, moments, activations and gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tf_impl.model import LeNet


class Inspection(ABC):
    """The base of `train.Trainer`, which sets these attributes and defines the abstract methods."""

    device: str  # in the form that `tf.device` takes
    model: LeNet
    optimizer: tf.compat.v1.train.Optimizer
    variables: dict[str, tf.Variable]  # by canonical name

    @abstractmethod
    def value_and_gradients(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]: ...

    @abstractmethod
    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]: ...

    def to_device(self, *arrays: np.ndarray | None) -> tuple[tf.Tensor | None, ...]:
        """Return tensors on the device of the surrounding `tf.device` block."""
        return tuple(None if array is None else tf.convert_to_tensor(array) for array in arrays)

    def to_numpy(self, tensor: tf.Tensor) -> np.ndarray:
        return tensor.numpy()

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        tf.test.experimental.sync_devices()

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies of the parameters by canonical name, in canonical layout."""
        return {name: self.to_numpy(variable).copy() for name, variable in self.variables.items()}

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return copies of Adam's first and second moments by canonical name; empty before the first step."""
        first, second = (
            {
                name: self.to_numpy(moment).copy()
                for name, variable in self.variables.items()
                if (moment := self.optimizer.get_slot(variable, slot)) is not None
            }
            for slot in ("m", "v")
        )
        return first, second

    def activations(
        self, images: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return every layer's output by name, in canonical layout."""
        with tf.device(self.device):
            found = self.model.activations(*self.to_device(images, dropout_mask))
        return {name: self.to_numpy(units) for name, units in found.items()}

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the loss's gradient by canonical name, in canonical layout; update nothing.

        A parameter that does not affect the loss has no gradient.
        """
        with tf.device(self.device):
            _, _, found = self.value_and_gradients(*self.to_device(images, labels, dropout_mask))
        return {name: self.to_numpy(gradient) for name, gradient in found.items() if gradient is not None}

    def devices(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, str]:
        """Return the device of each parameter, activation and gradient, and of the loss and the logits."""
        with tf.device(self.device):
            batch = self.to_device(images, labels, dropout_mask)
            loss, logits, gradients = self.value_and_gradients(*batch)
            activations = self.model.activations(batch[0], batch[2])
        tensors = {
            **self.variables,
            **{f"activation {name}": units for name, units in activations.items()},
            **{f"gradient {name}": gradient for name, gradient in gradients.items() if gradient is not None},
            "loss": loss,
            "logits": logits,
        }
        return {name: self.device_of(tensor) for name, tensor in tensors.items()}

    def device_of(self, tensor: tf.Tensor | tf.Variable) -> str:
        """Return "cpu" or "cuda"."""
        return "cuda" if "device:GPU" in tensor.device else "cpu"

    def phases(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> Iterator[str]:
        """Make one step, and yield the name of each phase as soon as the phase's work is launched."""
        with tf.device(self.device):
            batch = self.to_device(images, labels, dropout_mask)
            yield "host_to_device"
            with tf.GradientTape() as tape:
                loss, _ = self.forward(*batch)
            yield "forward"
            gradients = tape.gradient(loss, self.variables)
            yield "backward"
            self.optimizer.apply_gradients((gradients[name], self.variables[name]) for name in self.variables)
            yield "optimizer"
