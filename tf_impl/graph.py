"""The eager step traced once into a graph: `tf.function`. See torch_impl/compiled.py."""

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
        traced = tf.function(super().train_step, jit_compile=self.jit_compile)
        self.train_step = traced  # type: ignore[method-assign]

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """None: the step is one graph."""
        return iter(())
