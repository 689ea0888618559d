"""TensorFlow's forms, from `tf:eager` to `tf:tuned` and its graph, change by change. Some did not help."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from lenet_spec import Conv, MaxPool
from tf_impl import graph, keras_fit, train, tuned, tuned_graph, xla
from tf_impl.model import dropout
from tools.tried.form import Form


class NoKerasCalls(train.Trainer):
    """`tf.nn` operations on the model's variables, in the spec's order."""

    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        spec, v = self.spec, self.variables
        x = self.block(images, v["conv1/kernel"], v["conv1/bias"], spec.conv1, spec.pool1)
        x = self.block(x, v["conv2/kernel"], v["conv2/bias"], spec.conv2, spec.pool2)
        x = tf.reshape(x, (-1, spec.flat_size))
        x = tuned.dense(x, v["dense1/kernel"], v["dense1/bias"], spec.dense1)
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = tuned.dense(x, v["dense2/kernel"], v["dense2/bias"], spec.dense2)
        return self.loss(logits, labels), logits

    def block(
        self, images: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, layer: Conv, pool: MaxPool
    ) -> tf.Tensor:
        x = tf.nn.conv2d(images, kernel, layer.stride, layer.padding.upper())
        x = tuned.activate(tf.nn.bias_add(x, bias), layer)
        return tf.nn.max_pool2d(x, pool.size, pool.stride, "VALID")


class PoolFirst(NoKerasCalls):
    """`NoKerasCalls`, with pooling before bias and activation."""

    def block(
        self, images: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, layer: Conv, pool: MaxPool
    ) -> tf.Tensor:
        x = tf.nn.conv2d(images, kernel, layer.stride, layer.padding.upper())
        x = tf.nn.max_pool2d(x, pool.size, pool.stride, "VALID")
        return tuned.activate(tf.nn.bias_add(x, bias), layer)


class ElementwisePool(tuned.Trainer):
    """`tuned`, with a max pool of elementwise operations: its gradient avoids Eigen's MaxPoolGrad."""

    def pool(self, units: tf.Tensor, bias: tf.Variable, layer: Conv, pool: MaxPool) -> tf.Tensor:
        return tuned.activate(tf.nn.bias_add(max_pool_2x2(units), bias), layer)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def max_pool_2x2(units: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Pool [N, H, W, C], with even H and W: take the larger of each pair in a row, then of each pair of rows.

    Among equal units, the first in the window's row-major order gets the gradient, as in MaxPoolGrad.
    """
    n, height, width, channels = units.shape
    rows, left_wins = pair_max(units, channels)
    pooled, upper_wins = pair_max(rows, width // 2 * channels)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.reshape(unpair(unpair(upstream, upper_wins), left_wins), units.shape)

    return tf.reshape(pooled, (n, height // 2, width // 2, channels)), gradient


def pair_max(units: tf.Tensor, length: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the larger units of two adjacent runs of `length` units, and a mask of the first run's wins."""
    first, second = tf.unstack(tf.reshape(units, (-1, 2, length)), axis=1)
    return tf.maximum(first, second), first >= second


def unpair(upstream: tf.Tensor, first_wins: tf.Tensor) -> tf.Tensor:
    """Return the gradient of `pair_max`: upstream's if a unit won, 0 if it lost."""
    upstream = tf.reshape(upstream, first_wins.shape)
    first = tf.where(first_wins, upstream, tf.zeros_like(upstream))
    return tf.stack([first, upstream - first], axis=1)


FORMS = (
    Form("tf:eager", "the baseline", train.Trainer),
    Form("no Keras calls", "tf.nn operations in place of Keras layers", NoKerasCalls),
    Form("pool first", "and pooling before bias and ReLU", PoolFirst),
    Form("tf:tuned", "and no gradient of the images", tuned.Trainer),
    Form("elementwise pool", "tuned, its max pool and gradient of elementwise operations", ElementwisePool),
    Form("tf:keras", "Keras' own train_on_batch", keras_fit.Trainer),
    Form("tf:graph", "tf.function of the baseline", graph.Trainer),
    Form("tf:tuned-graph", "tf.function of tuned", tuned_graph.Trainer),
    Form("tf:xla", "the graph compiled by XLA", xla.Trainer),
)
