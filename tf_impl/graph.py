"""Traces the eager step once into a graph, by `tf.function`. See torch_impl/compiled.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl import train


class Trainer(train.Trainer):
    """The same Python as `eager`, run as one graph of operations."""

    jit_compile = False

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], **where: Any) -> None:
        super().__init__(spec, weights, **where)
        self.traced_step = tf.function(super().train_step, jit_compile=self.jit_compile)
        self.traced_gradients = tf.function(super().value_and_gradients, jit_compile=self.jit_compile)

    def train_step(self, *batch: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        return self.traced_step(*batch)

    def value_and_gradients(
        self, *batch: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        return self.traced_gradients(*batch)

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """Yield nothing: the step is one graph and has no phases."""
        return iter(())
