"""Computes the step in bfloat16 with float32 weights. See torch_impl/mixed.py.

Convolutions, dense layers and activations are bfloat16; weights, the loss, gradients and Adam stay float32,
so that a small update is not rounded away. Batches come from the host in float32, as in every other run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl import graph, model, train, xla


class LeNet(model.LeNet):
    """LeNet with Keras' policy `mixed_bfloat16`: each layer casts its input, and its weights at each use."""

    def activations(self, images: tf.Tensor, dropout_mask: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        if dropout_mask is not None:
            dropout_mask = tf.cast(dropout_mask, tf.bfloat16)  # TensorFlow does not multiply different dtypes
        return super().activations(images, dropout_mask)


class Trainer(train.Trainer):
    """`eager`, with its layers in bfloat16."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        super().__init__(spec, weights, device=device, dtype="float32")

    def build_model(self) -> LeNet:
        return LeNet(self.spec, "mixed_bfloat16")

    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        logits = tf.cast(self.model(images, dropout_mask=dropout_mask), tf.float32)
        return self.loss(logits, labels), logits

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return super().to_numpy(tf.cast(tensor, tf.float32))  # NumPy has no bfloat16


class Graph(graph.Trainer, Trainer):
    """`graph`, with its layers in bfloat16."""


class XLA(xla.Trainer, Trainer):
    """`xla`, with its layers in bfloat16."""
