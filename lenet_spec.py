"""Defines the LeNet of the TensorFlow 1.4 eager tutorial as values. Both implementations read them here.

Standard library only. Every number that follows from other numbers is computed (`flat_size`,
`parameter_shapes`, `parameter_count`, `training_flops`), so that no two values can contradict each other.

Canonical layouts are TensorFlow's: images NHWC, convolution kernels HWIO, dense kernels [in, out].
Canonical names are `<layer>/kernel` and `<layer>/bias`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Padding = Literal["valid", "same"]
Activation = Literal["relu", "linear"]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """One image, NHWC without the batch: pixels scaled to [0, 1] by `pixel_scale`, in float32."""

    height: int = 28
    width: int = 28
    channels: int = 1
    pixel_scale: float = 1 / 255  # rounded to float32, then multiplied, as `read_data_sets` did

    @property
    def shape(self) -> Shape:
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Conv:
    """A square convolution. `valid` computes only whole windows; `same` pads with zeros to keep the size."""

    filters: int
    kernel_size: int = 5
    stride: int = 1
    padding: Padding = "valid"
    activation: Activation = "relu"

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = shape
        lost = self.kernel_size - 1 if self.padding == "valid" else 0
        return (-(-(height - lost) // self.stride), -(-(width - lost) // self.stride), self.filters)

    def kernel_shape(self, shape: Shape) -> Shape:
        return (self.kernel_size, self.kernel_size, shape[-1], self.filters)  # HWIO


@dataclass(frozen=True)
class MaxPool:
    """A square max pool without padding; rows and columns that do not fill a window are dropped."""

    size: int = 2
    stride: int = 2

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return ((height - self.size) // self.stride + 1, (width - self.size) // self.stride + 1, channels)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    units: int
    activation: Activation = "relu"


@dataclass(frozen=True)
class Dropout:
    """`rate` is the dropped fraction of units; kept units are scaled by 1 / (1 - rate).

    The tutorial declares dropout and never switches it on, so `active` is False. If it is True, the
    masks are part of the batch, so that both frameworks drop the same units.
    """

    rate: float = 0.75
    active: bool = False


@dataclass(frozen=True)
class Adam:
    """Adam with TensorFlow's epsilon (`epsilon_hat`, outside the bias correction).

    p -= learning_rate * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + epsilon_hat)

    This is the form printed before section 2.1 of Kingma and Ba, arXiv:1412.6980. PyTorch's epsilon
    is inside the correction, and must be larger by 1 / sqrt(1 - beta2**t) for the same result.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon_hat: float = 1e-8


@dataclass(frozen=True)
class Data:
    """MNIST: the first `validation_size` training images are for validation; the rest is for training."""

    validation_size: int = 5_000


@dataclass(frozen=True)
class Training:
    """How many steps to train, with what batch size, and how often to print a line."""

    batch_size: int = 128
    steps: int = 1_000
    log_interval: int = 100


@dataclass(frozen=True)
class LeNetSpec:
    """The network, its loss, its optimizer and its training. Field names are the layer names."""

    input: Input = field(default_factory=Input)
    conv1: Conv = field(default_factory=lambda: Conv(filters=32))
    pool1: MaxPool = field(default_factory=MaxPool)
    conv2: Conv = field(default_factory=lambda: Conv(filters=64))
    pool2: MaxPool = field(default_factory=MaxPool)
    dense1: Dense = field(default_factory=lambda: Dense(units=1024))
    dropout: Dropout = field(default_factory=Dropout)
    dense2: Dense = field(default_factory=lambda: Dense(units=10, activation="linear"))
    kernel_initializer: Literal["glorot_uniform"] = "glorot_uniform"
    bias_initializer: Literal["zeros"] = "zeros"
    loss_reduction: Literal["mean", "sum"] = "mean"  # reduces softmax cross-entropy from logits
    adam: Adam = field(default_factory=Adam)
    data: Data = field(default_factory=Data)
    training: Training = field(default_factory=Training)

    @property
    def classes(self) -> int:
        return self.dense2.units

    def activation_shapes(self) -> dict[str, Shape]:
        """Return each layer's output shape without the batch, in order, in canonical (NHWC) layout."""
        conv1 = self.conv1.output_shape(self.input.shape)
        pool1 = self.pool1.output_shape(conv1)
        conv2 = self.conv2.output_shape(pool1)
        pool2 = self.pool2.output_shape(conv2)
        return {
            "conv1": conv1,
            "pool1": pool1,
            "conv2": conv2,
            "pool2": pool2,
            "flat": (math.prod(pool2),),
            "dense1": (self.dense1.units,),
            "dropout": (self.dense1.units,),
            "logits": (self.dense2.units,),
        }

    @property
    def flat_size(self) -> int:
        return self.activation_shapes()["flat"][0]

    def parameter_shapes(self) -> dict[str, Shape]:
        """Return each parameter's canonical name and shape, in order."""
        shapes = self.activation_shapes()
        kernels = {
            "conv1": self.conv1.kernel_shape(self.input.shape),
            "conv2": self.conv2.kernel_shape(shapes["pool1"]),
            "dense1": (self.flat_size, self.dense1.units),
            "dense2": (self.dense1.units, self.dense2.units),
        }
        named: dict[str, Shape] = {}
        for layer, kernel in kernels.items():
            named[f"{layer}/kernel"] = kernel
            named[f"{layer}/bias"] = kernel[-1:]
        return named

    @property
    def parameter_count(self) -> int:
        return sum(math.prod(shape) for shape in self.parameter_shapes().values())

    def training_flops(self, batch_size: int) -> int:
        """Return the floating-point operations of one training step, counting only the matrix products.

        A multiply-add counts as two. Backward costs twice the forward product (gradient of the kernel,
        gradient of the input), except for conv1: its input needs no gradient.
        """
        shapes, kernels = self.activation_shapes(), self.parameter_shapes()
        positions = {"conv1": math.prod(shapes["conv1"][:2]), "conv2": math.prod(shapes["conv2"][:2])}
        total = 0
        for layer in ("conv1", "conv2", "dense1", "dense2"):
            forward = 2 * math.prod(kernels[f"{layer}/kernel"]) * positions.get(layer, 1)
            total += forward * (2 if layer == "conv1" else 3)
        return total * batch_size
