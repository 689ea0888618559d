"""Converts NumPy arrays between the canonical layouts, which are TensorFlow's, and PyTorch's.

| what | canonical | PyTorch |
|---|---|---|
| images, activations of convolutions and pools | NHWC | NCHW |
| convolution kernels | HWIO | OIHW |
| dense kernels | [in, out] | [out, in] |
| the flat 1024, and so the first dense kernel's inputs | height, width, channel | channel, height, width |
"""

from __future__ import annotations

import numpy as np

from lenet_spec import LeNetSpec


def from_canonical(name: str, array: np.ndarray, spec: LeNetSpec) -> np.ndarray:
    """Convert a parameter, or its gradient, to torch's layout. The result is contiguous; the dtype stays."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)  # HWIO -> OIHW
    elif name == "dense1/kernel":
        # torch flattens channels first, so put the rows in that order before the transpose
        height, width, channels = spec.activation_shapes()["pool2"]
        rows = array.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)  # [C, H, W, out]
        array = rows.reshape(height * width * channels, -1).T  # [out, C*H*W]
    elif array.ndim == 2:
        array = array.T  # [in, out] -> [out, in]
    return np.ascontiguousarray(array)


def to_canonical(name: str, array: np.ndarray, spec: LeNetSpec) -> np.ndarray:
    """Convert a parameter, or its gradient, from torch's layout to the canonical layout."""
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)  # OIHW -> HWIO
    elif name == "dense1/kernel":
        height, width, channels = spec.activation_shapes()["pool2"]
        rows = array.T.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)  # [H, W, C, out]
        array = rows.reshape(height * width * channels, -1)  # [H*W*C, out]
    elif array.ndim == 2:
        array = array.T
    return np.ascontiguousarray(array)


def activation_to_canonical(name: str, array: np.ndarray, spec: LeNetSpec) -> np.ndarray:
    """Convert a layer's output to its canonical layout: NCHW -> NHWC, and the flat output in the same way."""
    if array.ndim == 4:
        array = array.transpose(0, 2, 3, 1)  # NCHW -> NHWC
    elif name == "flat":
        height, width, channels = spec.activation_shapes()["pool2"]
        array = array.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)  # [N, H, W, C]
        array = array.reshape(len(array), -1)  # [N, H*W*C]
    return np.ascontiguousarray(array)
