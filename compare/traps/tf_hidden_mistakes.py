"""Defines porting mistakes in TensorFlow that a training hides. Loads only in a TensorFlow worker."""

from __future__ import annotations

import tensorflow as tf

from tf_impl.model import LeNet
from tf_impl.train import Trainer


class LossScaled(Trainer):
    """The loss is too large by a thousandth: Adam's steps are the same to six digits."""

    def loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return super().loss(logits, labels) * 1.001


class PoolingByReduceMax(Trainer):
    """The outputs are the same, but equal values share a tie's gradient; it does not go to the first."""

    def build_model(self) -> LeNet:
        model = super().build_model()
        model.pool1.call = model.pool2.call = reduce_max
        return model


def reduce_max(units: tf.Tensor) -> tf.Tensor:
    """Pool 2 × 2 units, by hand."""
    _, height, width, channels = units.shape
    windows = tf.reshape(units, [-1, height // 2, 2, width // 2, 2, channels])
    return tf.reduce_max(windows, axis=[2, 4])
