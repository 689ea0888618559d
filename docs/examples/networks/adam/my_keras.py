"""See my_torch.py."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers


class Adam(keras.optimizers.Adam):
    """Sums the gradients of a token that occurs twice before it squares them, as torch does."""

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        super().apply([tf.convert_to_tensor(one) for one in grads], trainable_variables)


def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(20, 8, name="embedding"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(8, activation="tanh", name="hidden"),
            layers.Dense(3, name="head"),
        ]
    )


def loss(outputs: Any, targets: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer() -> keras.optimizers.Optimizer:
    return Adam(0.01, epsilon=1e-7, global_clipnorm=0.5)
