"""Computes LeNet, its loss, backward pass and Adam in NumPy float64, as the reference for both frameworks.

The code is meant for reading. Every gradient is derived by hand, so a difference from a framework can be
traced line by line. Shapes in comments are those of the default spec.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compare.ladder.oracle_layers import (
    activate,
    conv,
    conv_input_gradient,
    conv_kernel_gradient,
    cross_entropy,
    cross_entropy_gradient,
    max_pool,
    max_pool_gradient,
    slope,
)
from lenet_spec import LeNetSpec, Shape

ROWS_AT_ONCE = 16


class Oracle:
    """LeNet, its loss and its optimizer, with the interface of `tf_impl` and `torch_impl`.

    weights: canonical names, shapes and layouts (`spec.parameter_shapes()`), any float dtype; copied.

    In every method images are [N, 28, 28, 1] of any float dtype, labels [N] int64, and dropout_mask is
    [N, 1024] of 0 and 1 (1 where kept), given if and only if `spec.dropout.active`. Results are float64.
    Raises ValueError for anything that does not fit the spec.
    """

    def __init__(self, spec: LeNetSpec, weights: Mapping[str, np.ndarray]) -> None:
        self.spec = spec
        self.weights = {}
        for name, shape in spec.parameter_shapes().items():
            if name not in weights:
                raise ValueError(f"the weights lack {name}")
            check_shape(name, weights[name], shape)
            self.weights[name] = np.array(weights[name], np.float64)
        self.first_moments = {name: np.zeros_like(weight) for name, weight in self.weights.items()}
        self.second_moments = {name: np.zeros_like(weight) for name, weight in self.weights.items()}
        self.updates = 0

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Make one update. Return the loss and the logits [N, 10] from before it."""
        loss, logits, gradients = self.back_propagate(images, labels, dropout_mask)
        self.adam(gradients)
        return loss, logits

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits [N, 10] for evaluation: dropout is off."""
        return self.forward(self.checked_images(images), 1.0)["logits"]

    def activations(
        self, images: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return each layer's output after its activation function, with the names and shapes of the spec.

        See `spec.activation_shapes()`. Images stay NHWC. If dropout is inactive, "dropout" equals "dense1".
        """
        return self.forward(self.checked_images(images), self.dropout_scale(dropout_mask, len(images)))

    def loss(self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None) -> float:
        """Return softmax cross-entropy, reduced over the batch; update nothing."""
        logits = self.activations(images, dropout_mask)["logits"]
        return cross_entropy(logits, self.checked_labels(labels, len(images)), self.spec.loss_reduction)

    def gradients(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return the loss's gradient by canonical parameter name; update nothing."""
        return self.back_propagate(images, labels, dropout_mask)[2]

    def back_propagate(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[float, np.ndarray, dict[str, np.ndarray]]:
        """Return the loss, the logits [N, 10] and the gradients; update nothing.

        Compute a few rows at a time, so that their patches fit into a processor's cache.
        """
        images, scale = self.checked_images(images), self.dropout_scale(dropout_mask, len(images))
        labels = self.checked_labels(labels, len(images))
        logits = np.empty((len(images), self.spec.classes))
        gradients = {name: np.zeros_like(weight) for name, weight in self.weights.items()}
        for start in range(0, len(images), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            some_scale = scale if isinstance(scale, float) else scale[some]
            layers = self.forward(images[some], some_scale)
            logits[some] = layers["logits"]
            d = cross_entropy_gradient(layers["logits"], labels[some], self.spec.loss_reduction)
            if self.spec.loss_reduction == "mean":
                d *= len(d) / len(images)  # the share of these rows in the mean over all rows
            for name, gradient in self.backward(d, images[some], some_scale, layers).items():
                gradients[name] += gradient
        return cross_entropy(logits, labels, self.spec.loss_reduction), logits, gradients

    def parameters(self) -> dict[str, np.ndarray]:
        """Return copies by canonical name, in canonical layouts."""
        return {name: weight.copy() for name, weight in self.weights.items()}

    def forward(self, images: np.ndarray, scale: np.ndarray | float) -> dict[str, np.ndarray]:
        """Return every layer's output by name, in order. scale multiplies dense1: see `dropout_scale`."""
        spec, w = self.spec, self.weights
        conv1 = conv(images, w["conv1/kernel"], w["conv1/bias"], spec.conv1)  # [N, 24, 24, 32]
        pool1 = max_pool(conv1, spec.pool1)  # [N, 12, 12, 32]
        conv2 = conv(pool1, w["conv2/kernel"], w["conv2/bias"], spec.conv2)  # [N, 8, 8, 64]
        pool2 = max_pool(conv2, spec.pool2)  # [N, 4, 4, 64]
        flat = pool2.reshape(len(pool2), -1)  # [N, 1024], in the order height, width, channel
        dense1 = activate(flat @ w["dense1/kernel"] + w["dense1/bias"], spec.dense1.activation)  # [N, 1024]
        dropped = dense1 * scale  # [N, 1024]
        logits = activate(dropped @ w["dense2/kernel"] + w["dense2/bias"], spec.dense2.activation)  # [N, 10]
        return {
            "conv1": conv1,
            "pool1": pool1,
            "conv2": conv2,
            "pool2": pool2,
            "flat": flat,
            "dense1": dense1,
            "dropout": dropped,
            "logits": logits,
        }

    def backward(
        self,
        d: np.ndarray,
        images: np.ndarray,
        scale: np.ndarray | float,
        layers: Mapping[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Return the gradients, by the chain rule from the logits [N, 10] down, by canonical parameter name.

        `d` is always the loss's gradient with respect to the tensor in the comment next to it. A layer's sum
        is its output before the activation function.
        """
        dense, d = self.dense_backward(d, scale, layers)  # pool2 [N, 4, 4, 64]
        gradients = self.conv_backward(d, images, layers) | dense
        return {name: gradients[name] for name in self.weights}  # in canonical order

    def dense_backward(
        self, d: np.ndarray, scale: np.ndarray | float, layers: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the gradients of the dense layers, from the logits down, and that of pool2's output."""
        spec, w, gradients = self.spec, self.weights, {}

        d = d * slope(layers["logits"], spec.dense2.activation)  # dense2's sum [N, 10]
        gradients["dense2/kernel"] = layers["dropout"].T @ d  # [1024, 10]
        gradients["dense2/bias"] = d.sum(axis=0)  # [10]

        d = (d @ w["dense2/kernel"].T) * scale  # dense1 [N, 1024]
        d = d * slope(layers["dense1"], spec.dense1.activation)  # dense1's sum [N, 1024]
        gradients["dense1/kernel"] = layers["flat"].T @ d  # [1024, 1024]
        gradients["dense1/bias"] = d.sum(axis=0)  # [1024]

        d = d @ w["dense1/kernel"].T  # flat [N, 1024]
        return gradients, d.reshape(layers["pool2"].shape)  # pool2 [N, 4, 4, 64]

    def conv_backward(
        self, d: np.ndarray, images: np.ndarray, layers: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the convolutions' gradients, from pool2 [N, 4, 4, 64] down. The images need no gradient."""
        spec, w, gradients = self.spec, self.weights, {}

        d = max_pool_gradient(d, layers["conv2"], layers["pool2"], spec.pool2)  # conv2 [N, 8, 8, 64]
        d = d * slope(layers["conv2"], spec.conv2.activation)  # conv2's sum [N, 8, 8, 64]
        gradients["conv2/kernel"] = conv_kernel_gradient(d, layers["pool1"], spec.conv2)  # [5, 5, 32, 64]
        gradients["conv2/bias"] = d.sum(axis=(0, 1, 2))  # [64]

        d = conv_input_gradient(d, w["conv2/kernel"], layers["pool1"], spec.conv2)  # pool1 [N, 12, 12, 32]
        d = max_pool_gradient(d, layers["conv1"], layers["pool1"], spec.pool1)  # conv1 [N, 24, 24, 32]
        d = d * slope(layers["conv1"], spec.conv1.activation)  # conv1's sum [N, 24, 24, 32]
        gradients["conv1/kernel"] = conv_kernel_gradient(d, images, spec.conv1)  # [5, 5, 1, 32]
        gradients["conv1/bias"] = d.sum(axis=(0, 1, 2))  # [32]
        return gradients

    def adam(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Make one update in place, in the form printed before section 2.1 of Kingma and Ba, arXiv:1412.6980.

        m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
        p -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon_hat)
        """
        adam = self.spec.adam
        self.updates += 1
        rate = adam.learning_rate * np.sqrt(1 - adam.beta2**self.updates) / (1 - adam.beta1**self.updates)
        for name, g in gradients.items():  # in place, because new arrays would take twice as long
            m, v = self.first_moments[name], self.second_moments[name]
            m *= adam.beta1
            m += (1 - adam.beta1) * g
            v *= adam.beta2
            v += (1 - adam.beta2) * g * g
            step = np.sqrt(v)
            step += adam.epsilon_hat
            np.divide(m, step, out=step)
            step *= rate
            self.weights[name] -= step

    def dropout_scale(self, dropout_mask: np.ndarray | None, count: int) -> np.ndarray | float:
        """Return the factor for dense1: mask / (1 - rate) if dropout is active, else 1."""
        if not self.spec.dropout.active:
            if dropout_mask is not None:
                raise ValueError("a dropout mask is given, but spec.dropout.active is False: give None")
            return 1.0
        if dropout_mask is None:
            raise ValueError("spec.dropout.active is True, but no dropout mask is given")
        check_shape("the dropout mask", dropout_mask, (count, self.spec.dense1.units))
        return dropout_mask.astype(np.float64) / (1 - self.spec.dropout.rate)

    def checked_images(self, images: np.ndarray) -> np.ndarray:
        check_shape("images", images, (len(images), *self.spec.input.shape))
        return images.astype(np.float64)

    def checked_labels(self, labels: np.ndarray, count: int) -> np.ndarray:
        check_shape("labels", labels, (count,))
        if labels.min() < 0 or labels.max() >= self.spec.classes:  # NumPy would count a -1 from the end
            raise ValueError(f"labels must lie in 0..{self.spec.classes - 1}: {labels.min()}..{labels.max()}")
        return labels


def check_shape(name: str, array: np.ndarray, shape: Shape) -> None:
    if array.shape != shape:
        raise ValueError(f"{name}: the shape must be {shape}, and is {array.shape}")
