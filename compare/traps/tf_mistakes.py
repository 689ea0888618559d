"""Porting mistakes in TensorFlow. Loads in a TensorFlow worker only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl.train import Trainer


class KerasDefaultEpsilon(Trainer):
    """`keras.optimizers.Adam(1e-3)` in place of `tf.train.AdamOptimizer(1e-3)`: epsilon 1e-7 for 1e-8."""

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: str) -> None:
        super().__init__(spec, weights, **where)
        self.optimizer = keras.optimizers.Adam(spec.adam.learning_rate)

    def update(self, gradients: Iterable[tf.Tensor]) -> None:
        layers = [getattr(self.model, name) for name in ("conv1", "conv2", "dense1", "dense2")]
        variables = [variable for layer in layers for variable in (layer.kernel, layer.bias)]
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
