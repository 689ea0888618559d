"""See my_torch.py."""

from typing import Any

import keras
from keras import layers


def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int64"),
            layers.Embedding(20, 8, name="embedding"),
            layers.Bidirectional(layers.GRU(6, return_sequences=True), name="first"),
            layers.GRU(5, name="second"),
            layers.Dense(3, name="head"),
        ]
    )


def loss(outputs: Any, targets: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.1)
