"""See my_torch.py."""

from typing import Any

import keras
from keras import layers


def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm"),
            layers.SeparableConv2D(12, 3, padding="valid", name="separable"),
            layers.PReLU(shared_axes=[1, 2], name="slope"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2DTranspose(4, 2, strides=2, name="up"),
            layers.LeakyReLU(negative_slope=0.1),
            layers.Flatten(),
            layers.Dense(16, activation="tanh", name="hidden"),
            layers.Dropout(0.5),
            layers.Dense(5, name="head"),
        ]
    )


def loss(outputs: Any, targets: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer() -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
