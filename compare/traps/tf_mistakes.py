"""Defines porting mistakes in TensorFlow. Loads only in a TensorFlow worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl.train import Trainer


class KerasDefaultEpsilon(Trainer):
    """`keras.optimizers.Adam(1e-3)` replaces `tf.train.AdamOptimizer(1e-3)`: epsilon is 1e-7, not 1e-8."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, weights, **where)
        self.optimizer = KerasAdam(spec.adam.learning_rate, self.model)

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return no moments: Keras keeps them."""
        return {}, {}


class KerasAdam:
    """Keras' Adam, which updates Keras' own variables, with the interface of the correct optimizer."""

    def __init__(self, learning_rate: float, model: keras.Model) -> None:
        self.adam, self.variables = keras.optimizers.Adam(learning_rate), model.trainable_variables

    def apply_gradients(self, pairs: Iterable[tuple[tf.Tensor, tf.Variable]]) -> None:
        gradients = [gradient for gradient, _ in pairs]
        self.adam.apply_gradients(zip(gradients, self.variables, strict=True))
