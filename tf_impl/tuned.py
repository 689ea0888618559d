"""Runs eager TensorFlow at its fastest: plain operations, one gradient left out. See torch_impl/tuned.py."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lenet_spec import Conv, Dense, MaxPool
from tf_impl import train
from tf_impl.model import dropout


class Trainer(train.Trainer):
    """`tf.nn` operations on the Keras model's own variables; Keras' call machinery is left out.

    Most of the remaining waste is one gradient that no step uses: the tape computes conv1's gradient with
    respect to the images. A graph prunes it; here `image_conv` defines its own gradient without it.

    `forward` and `gradients` use this code; `activations` shows the layers in the spec's own order.
    """

    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        spec, v = self.spec, self.variables
        x = image_conv(images, tf.convert_to_tensor(v["conv1/kernel"]), spec.conv1)  # [N, 24, 24, 32]
        x = self.pool(x, v["conv1/bias"], spec.conv1, spec.pool1)  # [N, 12, 12, 32]
        x = tf.nn.conv2d(x, v["conv2/kernel"], spec.conv2.stride, spec.conv2.padding.upper())
        x = self.pool(x, v["conv2/bias"], spec.conv2, spec.pool2)  # [N, 4, 4, 64]
        x = tf.reshape(x, (-1, spec.flat_size))  # [N, 1024]
        x = dense(x, v["dense1/kernel"], v["dense1/bias"], spec.dense1)  # [N, 1024]
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = dense(x, v["dense2/kernel"], v["dense2/bias"], spec.dense2)  # [N, 10]
        return self.loss(logits, labels), logits

    def pool(self, units: tf.Tensor, bias: tf.Variable, layer: Conv, pool: MaxPool) -> tf.Tensor:
        """Pool first, then add the bias and apply the activation to a quarter of the units.

        The result is the same: one bias for a whole channel and ReLU both keep the order of its units, so
        the largest unit stays the largest.
        """
        units = tf.nn.max_pool2d(units, pool.size, pool.stride, "VALID")
        return activate(tf.nn.bias_add(units, bias), layer)


def image_conv(images: tf.Tensor, kernel: tf.Tensor, layer: Conv) -> tf.Tensor:
    """Return a convolution of the network's input, without a gradient for that input."""
    strides, padding = [1, layer.stride, layer.stride, 1], layer.padding.upper()

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolve(kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.Conv2DBackpropFilter(
                input=images,
                filter_sizes=kernel.shape,
                out_backprop=upstream,
                strides=strides,
                padding=padding,
            )

        return tf.nn.conv2d(images, kernel, strides, padding), gradient

    return convolve(kernel)


def dense(units: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, layer: Dense) -> tf.Tensor:
    return activate(tf.nn.bias_add(tf.linalg.matmul(units, kernel), bias), layer)


def activate(units: tf.Tensor, layer: Conv | Dense) -> tf.Tensor:
    return tf.nn.relu(units) if layer.activation == "relu" else units
