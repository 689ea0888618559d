"""Trains a porter's Keras model without the ladder's changes. Read it beside torch_impl/task_forms.py.

It uses no recorder and no shared dropout masks, only the model, loss and optimizer. Arrays come in as NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_impl.adapter import Adapter, tree, with_model


class Eager:
    """An eager update. training: whether dropout and running statistics are on; off if forms are compared."""

    def __init__(self, adapter: Adapter, *, training: bool) -> None:
        self.adapter, self.training = adapter, training
        self.model = adapter.model
        self.variables = self.model.trainable_variables
        self.loss = with_model(adapter.module.loss, self.model)
        self.updating: Any = self.update

    def step(self, inputs: Mapping[str, np.ndarray], targets: Any) -> float:
        """Make one update. Return the loss from before it."""
        with tf.device(self.adapter.device):
            tensors = {name: self.adapter.to_device(array) for name, array in inputs.items()}
            return float(self.updating(tensors, tree(self.adapter.to_device, targets)))

    def update(self, inputs: Mapping[str, tf.Tensor], targets: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = self.adapter.applied(self.model, inputs, self.training)
            loss = tf.add_n([tf.reduce_mean(self.loss(outputs, targets)), *self.model.losses])
        gradients = tape.gradient(loss, [one.value for one in self.variables])
        used = [(g, one) for g, one in zip(gradients, self.variables, strict=True) if g is not None]
        self.adapter.optimizer.apply(*map(list, zip(*used, strict=True)))
        return loss

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        tf.test.experimental.sync_devices()


class Graph(Eager):
    """The whole update, traced by tf.function."""

    def __init__(self, adapter: Adapter, *, training: bool) -> None:
        super().__init__(adapter, training=training)
        self.updating = tf.function(self.update)


class XLA(Eager):
    """The whole update compiled by XLA."""

    def __init__(self, adapter: Adapter, *, training: bool) -> None:
        super().__init__(adapter, training=training)
        self.updating = tf.function(self.update, jit_compile=True)


FORMS = {"eager": Eager, "graph": Graph, "xla": XLA}
