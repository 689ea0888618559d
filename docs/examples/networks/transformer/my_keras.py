"""See my_torch.py."""

from typing import Any

import keras
from keras import layers, ops


class Block(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = layers.Embedding(20, 8)
        self.positions = layers.Embedding(7, 8)
        self.norm1 = layers.LayerNormalization(epsilon=1e-5)
        self.attention = layers.MultiHeadAttention(2, 4)
        self.norm2 = layers.LayerNormalization(epsilon=1e-5)
        self.wide = layers.Dense(16, activation="gelu")
        self.narrow = layers.Dense(8)
        self.drop = layers.Dropout(0.2)
        self.head = layers.Dense(3)

    def call(self, tokens: Any, training: bool = False) -> Any:
        x = self.tokens(tokens) + self.positions(ops.arange(7))
        y = self.norm1(x)
        x = x + self.drop(self.attention(y, y), training=training)
        x = x + self.narrow(self.wide(self.norm2(x)))
        return self.head(ops.mean(x, axis=1))


def model() -> keras.Model:
    return Block()


def loss(outputs: Any, targets: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.1)
