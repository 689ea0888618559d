"""Trains as most Keras users do: with a compiled model, Keras' own Adam and `train_on_batch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lenet_spec import LeNetSpec
from tf_impl import train
from tf_impl.model import LeNet


class CompiledLeNet(LeNet):
    """LeNet for `train_on_batch`. It can take a dict, so that a dropout mask can come with the images."""

    def call(self, inputs: Any, dropout_mask: tf.Tensor | None = None) -> tf.Tensor:
        if isinstance(inputs, dict):
            inputs, dropout_mask = inputs["images"], inputs.get("dropout_mask")
        return super().call(inputs, dropout_mask)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        targets = tf.one_hot(y, self.spec.classes, dtype=y_pred.dtype)
        loss = super().compute_loss(x, targets, y_pred, sample_weight, training)
        self.traced = {"loss": loss, "logits": y_pred}  # tensors of the current trace
        return loss

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Return the loss and logits of this batch: Keras itself reports the mean over the batches so far."""
        super().train_step(data)
        return self.traced


class Trainer(train.Trainer):
    """Keras' Adam adds epsilon outside the bias correction, as the spec does, so it needs no conversion.

    Its betas need one in float64. Keras turns a Python float into a float32 tensor, and 1 - float32(0.999) is
    wrong by 1.3e-5. The first steps would be 7e-6 too long, and the curves would differ by 3e-3 within 20
    steps. The ladder makes the betas exact (`tf_impl.exact`); a timed run in float64 leaves Keras as it is.
    """

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        keras.config.set_floatx(dtype)  # otherwise Keras keeps Adam's rate and powers of beta in float32
        super().__init__(spec, weights, device=device, dtype=dtype)
        adam = spec.adam
        number = np.float64 if dtype == "float64" else float
        with tf.device(self.device):
            self.model.compile(
                optimizer=keras.optimizers.Adam(
                    adam.learning_rate, number(adam.beta1), number(adam.beta2), epsilon=adam.epsilon_hat
                ),
                loss=keras.losses.CategoricalCrossentropy(
                    from_logits=True, reduction=REDUCTIONS[spec.loss_reduction]
                ),
            )

    def build_model(self) -> LeNet:
        return CompiledLeNet(self.spec, self.dtype.name)

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        inputs: Any = images if dropout_mask is None else {"images": images, "dropout_mask": dropout_mask}
        with tf.device(self.device):
            logs = self.model.train_on_batch(inputs, labels, return_dict=True)
        return logs["loss"], logs["logits"]

    def phases(self, *batch: np.ndarray | None) -> Iterator[str]:
        """Yield nothing: the step is one compiled function and has no phases."""
        return iter(())

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return copies of Adam's first and second moments by canonical name."""
        first, second = (
            [np.array(one) for one in self.model.optimizer.variables if one.name.endswith(kind)]
            for kind in ("momentum", "velocity")
        )
        return dict(zip(self.variables, first, strict=False)), dict(zip(self.variables, second, strict=False))

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor)


REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum"}
