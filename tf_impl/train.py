"""Computes one training step of LeNet in eager TensorFlow. Read it beside torch_impl/train.py.

Arrays come in and go out as NumPy in canonical layouts: no code outside this package uses TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from lenet_spec import Adam as AdamSpec
from lenet_spec import LeNetSpec
from tf_impl.inspection import Inspection
from tf_impl.model import LeNet, load, parameters

REDUCTIONS = {"mean": tf.reduce_mean, "sum": tf.reduce_sum}


class Trainer(Inspection):
    """LeNet, its loss and its optimizer on one device in one dtype. See inspection.py too.

    weights: canonical names, shapes and layouts (`spec.parameter_shapes()`), any float dtype.
    device: "cpu" or "cuda". dtype: "float32" or "float64".
    """

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        self.spec = spec
        self.device = "/GPU:0" if device == "cuda" else "/CPU:0"
        self.dtype = tf.as_dtype(dtype)
        with tf.device(self.device):
            self.model = self.build_model()
            load(self.model, weights)
            self.variables = parameters(self.model)
            self.optimizer = adam(spec.adam, self.dtype)

    def build_model(self) -> LeNet:
        return LeNet(self.spec, self.dtype.name)

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Make one update. Return the loss (scalar) and the logits [N, 10] from before it, on the device.

        images: [N, 28, 28, 1]; labels: [N] int64; dropout_mask: [N, 1024] of 0 and 1.
        """
        with tf.device(self.device):
            return self.train_step(*self.to_device(images, labels, dropout_mask))

    def train_step(self, *batch: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        loss, logits, gradients = self.value_and_gradients(*batch)
        self.optimizer.apply_gradients((gradients[name], self.variables[name]) for name in self.variables)
        return loss, logits

    def value_and_gradients(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Return the loss, the logits, and the loss's gradient by canonical parameter name."""
        with tf.GradientTape() as tape:
            loss, logits = self.forward(images, labels, dropout_mask)
        return loss, logits, tape.gradient(loss, self.variables)

    def forward(
        self, images: tf.Tensor, labels: tf.Tensor, dropout_mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss (scalar) and the logits [N, 10]."""
        logits = self.model(images, dropout_mask=dropout_mask)
        return self.loss(logits, labels), logits

    def loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return softmax cross-entropy from logits, reduced over the batch.

        The sparse form has no float64 kernel on a card.
        """
        targets = tf.one_hot(labels, self.spec.classes, dtype=logits.dtype)  # [N, 10]
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)  # [N]
        return REDUCTIONS[self.spec.loss_reduction](losses)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits [N, 10] for evaluation: dropout is off and no gradient is recorded."""
        with tf.device(self.device):
            return self.to_numpy(self.model(self.to_device(images)[0]))


def adam(spec: AdamSpec, dtype: tf.DType) -> tf.compat.v1.train.AdamOptimizer:
    """Return the tutorial's optimizer: epsilon outside the bias correction, a fused kernel for each variable.

    `keras.optimizers.Adam` would launch a dozen small operations for each variable. The values are tensors of
    the run's dtype, because TensorFlow rounds Python floats to float32, which a float64 run would show.
    """
    return tf.compat.v1.train.AdamOptimizer(
        learning_rate=tf.constant(spec.learning_rate, dtype),
        beta1=tf.constant(spec.beta1, dtype),
        beta2=tf.constant(spec.beta2, dtype),
        epsilon=tf.constant(spec.epsilon_hat, dtype),
    )
