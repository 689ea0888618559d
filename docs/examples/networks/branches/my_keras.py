"""See my_torch.py."""

from typing import Any

import keras
from keras import layers, ops

from compare.tap import tap


class Scale(layers.Layer):
    """A layer that no framework has."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x: Any) -> Any:
        return x * self.scale


class Branches(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(8, 3, strides=2)
        self.group = layers.GroupNormalization(4, epsilon=1e-5)
        self.grouped = layers.Conv2D(8, 1, groups=2)
        self.scale = Scale()
        self.embedding = layers.Embedding(20, 4)
        self.wide = layers.Conv1D(6, 3)
        self.label = layers.Dense(3)
        self.value = layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = ops.relu(self.group(self.conv(inputs["images"])))
        x = tap("pooled", ops.mean(self.scale(self.grouped(x)), axis=(1, 2)))
        y = ops.max(self.wide(self.embedding(inputs["tokens"])), axis=1)
        both = ops.concatenate([x, y], axis=1)
        return {"label": self.label(both), "value": self.value(both)}


def model() -> keras.Model:
    return Branches()


def loss(outputs: Any, targets: Any) -> Any:
    named = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return named(targets["label"], outputs["label"]) + ops.mean((outputs["value"] - targets["value"]) ** 2)


def optimizer() -> keras.optimizers.Optimizer:
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 1, 0.9)
    return keras.optimizers.SGD(rate)
