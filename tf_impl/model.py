"""Defines LeNet with Keras layers. Read it beside torch_impl/model.py: the same names in the same order.

TensorFlow keeps images NHWC and convolution kernels HWIO, which are this project's canonical layouts.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from lenet_spec import Conv, Dense, LeNetSpec, MaxPool


class LeNet(keras.Model):
    """Two convolutions, two pools and two dense layers. It returns logits, without softmax."""

    def __init__(self, spec: LeNetSpec, dtype: str) -> None:
        super().__init__(dtype=dtype)
        self.spec = spec
        self.conv1 = conv(spec.conv1, dtype)
        self.pool1 = max_pool(spec.pool1, dtype)
        self.conv2 = conv(spec.conv2, dtype)
        self.pool2 = max_pool(spec.pool2, dtype)
        self.flatten = keras.layers.Flatten(data_format="channels_last", dtype=dtype)
        self.dense1 = dense(spec.dense1, dtype)
        self.dense2 = dense(spec.dense2, dtype)
        self.build((None, *spec.input.shape))  # Keras layers get their input's width when they are built

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shapes = self.spec.activation_shapes()
        self.conv1.build(input_shape)
        self.conv2.build((None, *shapes["pool1"]))
        self.dense1.build((None, *shapes["flat"]))
        self.dense2.build((None, *shapes["dropout"]))
        self.built = True

    def call(self, images: tf.Tensor, dropout_mask: tf.Tensor | None = None) -> tf.Tensor:
        return self.activations(images, dropout_mask)["logits"]

    def activations(self, images: tf.Tensor, dropout_mask: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Return every layer's output by name, in order. images: [N, 28, 28, 1]."""
        conv1 = self.conv1(images)  # [N, 24, 24, 32]; the activation is an argument of the layer
        pool1 = self.pool1(conv1)  # [N, 12, 12, 32]
        conv2 = self.conv2(pool1)  # [N, 8, 8, 64]
        pool2 = self.pool2(conv2)  # [N, 4, 4, 64]
        flat = self.flatten(pool2)  # [N, 1024], in the order height, width, channel
        dense1 = self.dense1(flat)  # [N, 1024]
        dropped = dropout(dense1, dropout_mask, self.spec.dropout.rate)  # [N, 1024]
        logits = self.dense2(dropped)  # [N, 10]
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


def conv(layer: Conv, dtype: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        layer.filters,
        layer.kernel_size,
        strides=layer.stride,
        padding=layer.padding,
        activation=layer.activation,
        data_format="channels_last",
        dtype=dtype,
    )


def max_pool(layer: MaxPool, dtype: str) -> keras.layers.MaxPooling2D:
    return keras.layers.MaxPooling2D(layer.size, layer.stride, data_format="channels_last", dtype=dtype)


def dense(layer: Dense, dtype: str) -> keras.layers.Dense:
    return keras.layers.Dense(layer.units, activation=layer.activation, dtype=dtype)


def dropout(units: tf.Tensor, mask: tf.Tensor | None, rate: float) -> tf.Tensor:
    """Set units to 0 if their mask is 0, and scale the rest by 1 / (1 - rate); no mask, no dropout.

    `keras.layers.Dropout` draws its own masks, but the two frameworks must drop the same units.
    """
    return units if mask is None else units * (mask / (1 - rate))


def parameters(model: LeNet) -> dict[str, tf.Variable]:
    """Return the trainable variables by canonical name, in canonical order."""
    named = {}
    for name in ("conv1", "conv2", "dense1", "dense2"):
        layer = getattr(model, name)
        named[f"{name}/kernel"] = layer.kernel.value  # Keras wraps the tf.Variable
        named[f"{name}/bias"] = layer.bias.value
    return named


def load(model: LeNet, weights: Mapping[str, np.ndarray]) -> None:
    """Copy canonical weights into the model."""
    for name, variable in parameters(model).items():
        variable.assign(weights[name].astype(variable.dtype.as_numpy_dtype))
