"""Eager TensorFlow at its fastest: plain operations in place of Keras layers. See torch_impl/tuned.py."""

from __future__ import annotations

import tensorflow as tf

from lenet_spec import Conv, Dense, MaxPool
from tf_impl import train
from tf_impl.model import dropout


class Trainer(train.Trainer):
    """`tf.nn` operations on the Keras model's own variables; Keras' call machinery is left out."""

    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        spec, v = self.spec, self.variables
        x = conv_pool(images, v["conv1/kernel"], v["conv1/bias"], spec.conv1, spec.pool1)  # [N, 12, 12, 32]
        x = conv_pool(x, v["conv2/kernel"], v["conv2/bias"], spec.conv2, spec.pool2)  # [N, 4, 4, 64]
        x = tf.reshape(x, (-1, spec.flat_size))  # [N, 1024]
        x = dense(x, v["dense1/kernel"], v["dense1/bias"], spec.dense1)  # [N, 1024]
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = dense(x, v["dense2/kernel"], v["dense2/bias"], spec.dense2)  # [N, 10]
        return self.loss(logits, labels), logits


def conv_pool(
    images: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, layer: Conv, pool: MaxPool
) -> tf.Tensor:
    """Pool, then bias and activation, on a quarter of the units.

    The same function: adding one bias to a whole channel and ReLU both keep the order of its units, so the
    largest stays the largest.
    """
    units = tf.nn.conv2d(images, kernel, layer.stride, layer.padding.upper())
    units = tf.nn.max_pool2d(units, pool.size, pool.stride, "VALID")
    return activate(tf.nn.bias_add(units, bias), layer)


def dense(units: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, layer: Dense) -> tf.Tensor:
    return activate(tf.nn.bias_add(tf.linalg.matmul(units, kernel), bias), layer)


def activate(units: tf.Tensor, layer: Conv | Dense) -> tf.Tensor:
    return tf.nn.relu(units) if layer.activation == "relu" else units
