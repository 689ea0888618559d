"""This project's own LeNet as a task. See my_torch.py."""

from typing import Any

import keras

from lenet_spec import LeNetSpec
from tf_impl.model import LeNet

SPEC = LeNetSpec()


def model() -> keras.Model:
    return LeNet(SPEC, keras.config.floatx())


def loss(outputs: Any, targets: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(targets, outputs)


def optimizer() -> keras.optimizers.Optimizer:
    adam = SPEC.adam
    return keras.optimizers.Adam(adam.learning_rate, adam.beta1, adam.beta2, adam.epsilon_hat)
