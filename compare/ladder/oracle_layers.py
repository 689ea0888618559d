"""Computes the oracle's layers and loss, and their gradients, in NumPy float64: images NHWC, kernels HWIO.

In names and comments, d is the loss's gradient with respect to a layer's output, from the chain rule.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from lenet_spec import Activation, Conv, MaxPool, Shape


def activate(sums: np.ndarray, activation: Activation) -> np.ndarray:
    return np.maximum(sums, 0) if activation == "relu" else sums


def slope(outputs: np.ndarray, activation: Activation) -> np.ndarray | float:
    """Return the activation's derivative, from its output. At 0, ReLU's is 0, as in both frameworks."""
    return outputs > 0 if activation == "relu" else 1.0


def conv(inputs: np.ndarray, kernel: np.ndarray, bias: np.ndarray, layer: Conv) -> np.ndarray:
    """Return activated outputs [N, H', W', O] of inputs [N, H, W, I], kernel [K, K, I, O] and bias [O].

    As in every framework, the kernel is not flipped: strictly, this is a cross-correlation.
    """
    rows = patches(inputs, layer)  # [N, H', W', K*K*I]
    sums = rows.reshape(-1, rows.shape[-1]) @ kernel.reshape(-1, layer.filters) + bias  # [N*H'*W', O]
    return activate(sums.reshape(*rows.shape[:3], layer.filters), layer.activation)  # [N, H', W', O]


def conv_kernel_gradient(d: np.ndarray, inputs: np.ndarray, layer: Conv) -> np.ndarray:
    """Return the kernel's gradient [K, K, I, O] from the gradient d [N, H', W', O] of the layer's sums."""
    rows = patches(inputs, layer)  # [N, H', W', K*K*I]
    gradient: np.ndarray = rows.reshape(-1, rows.shape[-1]).T @ d.reshape(-1, layer.filters)  # [K*K*I, O]
    return gradient.reshape(layer.kernel_size, layer.kernel_size, inputs.shape[-1], layer.filters)


def conv_input_gradient(d: np.ndarray, kernel: np.ndarray, inputs: np.ndarray, layer: Conv) -> np.ndarray:
    """Return the inputs' gradient [N, H, W, I] from the gradient d [N, H', W', O] of the layer's sums."""
    by_patch = d.reshape(-1, layer.filters) @ kernel.reshape(-1, layer.filters).T  # [N*H'*W', K*K*I]
    by_patch = by_patch.reshape(*d.shape[:3], *kernel.shape[:3])  # [N, H', W', K, K, I]
    (top, bottom), (left, right) = margins(inputs.shape, layer)
    count, height, width, channels = inputs.shape
    total = np.zeros((count, top + height + bottom, left + width + right, channels))
    targets = windows(total, layer.kernel_size, layer.stride, writeable=True)  # [N, H', W', K, K, I]
    for i, j in np.ndindex(layer.kernel_size, layer.kernel_size):
        targets[:, :, :, i, j] += by_patch[:, :, :, i, j]
    return total[:, top : top + height, left : left + width]


def patches(inputs: np.ndarray, layer: Conv) -> np.ndarray:
    """Return the inputs of each output of a convolution, as rows [N, H', W', K*K*I] in the kernel's order."""
    padded = np.pad(inputs, ((0, 0), *margins(inputs.shape, layer), (0, 0)))
    views = windows(padded, layer.kernel_size, layer.stride)  # [N, H', W', K, K, I]
    return views.reshape(*views.shape[:3], -1)


def margins(shape: Shape, layer: Conv) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros to add: (above, below), (left, right). If their number is odd, the end has more."""
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    _, height, width, _ = shape
    missing = [
        max((-(-size // layer.stride) - 1) * layer.stride + layer.kernel_size - size, 0)
        for size in (height, width)
    ]
    vertical, horizontal = missing
    return (vertical // 2, vertical - vertical // 2), (horizontal // 2, horizontal - horizontal // 2)


def max_pool(inputs: np.ndarray, layer: MaxPool) -> np.ndarray:
    """Return the largest value of each window and channel: [N, H', W', C] of inputs [N, H, W, C]."""
    views = windows(inputs, layer.size, layer.stride)  # [N, H', W', S, S, C]
    largest = views[:, :, :, 0, 0].copy()
    for i, j in np.ndindex(layer.size, layer.size):
        np.maximum(largest, views[:, :, :, i, j], out=largest)
    return largest


def max_pool_gradient(d: np.ndarray, inputs: np.ndarray, outputs: np.ndarray, layer: MaxPool) -> np.ndarray:
    """Return the inputs' gradient [N, H, W, C] from d [N, H', W', C]: it goes to each window's largest value.

    Among equal values, the first in row-major order gets it. TensorFlow 2.21 and PyTorch 2.14 on CPU do the
    same, in float32 and float64, for separate and overlapping windows (measured). Ties of positive values are
    common after biases are trained: for blank parts of an image, conv1 is exactly relu(bias). But such tied
    positions have equal patches, so the choice changes no parameter's gradient (measured: 29 % of the
    positive windows of conv1 tied after 100 steps; choosing the last instead of the first changes only
    rounding).
    """
    gradient = np.zeros(inputs.shape)
    targets = windows(gradient, layer.size, layer.stride, writeable=True)  # [N, H', W', S, S, C]
    views = windows(inputs, layer.size, layer.stride)
    left = np.ones(outputs.shape, bool)  # windows whose largest value has not been found yet
    for i, j in np.ndindex(layer.size, layer.size):
        chosen = left & (views[:, :, :, i, j] == outputs)
        targets[:, :, :, i, j] += d * chosen
        left &= ~chosen
    return gradient


def windows(inputs: np.ndarray, size: int, stride: int, *, writeable: bool = False) -> np.ndarray:
    """Return a view of every whole window: [N, H', W', S, S, C] of inputs [N, H, W, C]."""
    every = np.lib.stride_tricks.sliding_window_view(inputs, (size, size), axis=(1, 2), writeable=writeable)
    return every[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def cross_entropy(logits: np.ndarray, labels: np.ndarray, reduction: Literal["mean", "sum"]) -> float:
    """Return log(sum(exp(logits))) - logits[label], reduced over the batch: logits [N, 10], labels [N]."""
    shifted = logits - logits.max(axis=1, keepdims=True)  # the same result, but exp cannot overflow
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]  # [N]
    return float(losses.mean() if reduction == "mean" else losses.sum())


def cross_entropy_gradient(
    logits: np.ndarray, labels: np.ndarray, reduction: Literal["mean", "sum"]
) -> np.ndarray:
    """Return the logits' gradient [N, 10]: softmax(logits) - one_hot(labels), divided by N under "mean"."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))  # [N, 10]
    gradient: np.ndarray = powers / powers.sum(axis=1, keepdims=True)  # softmax
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient / len(labels) if reduction == "mean" else gradient
