"""Measures how much a device rounds in float32: sums on a CPU by 1e-6, TF32 by 3e-4, FFT in between."""

from __future__ import annotations

import numpy as np

from compare.worker.contract import Runtime
from lenet_spec import LeNetSpec


def float32_rounding(runtime: Runtime, device: str, spec: LeNetSpec) -> float:
    """Return the largest error of a product and a convolution, as a fraction of their largest element.

    They have the shapes of the network's first dense layer and second convolution, because algorithms depend
    on shapes. The error is the difference from float64 on the same device.
    """
    rng, shapes = np.random.default_rng(0), spec.parameter_shapes()
    kernel, dense = shapes["conv2/kernel"], shapes["dense1/kernel"]
    images = (32, *spec.activation_shapes()["pool1"])
    arrays = [rng.standard_normal(shape) for shape in ((128, dense[0]), dense, images, kernel)]
    exact = runtime.product_and_convolution(*arrays, device=device)
    rounded = runtime.product_and_convolution(*(one.astype(np.float32) for one in arrays), device=device)
    return max(
        float(np.abs(own - right).max() / np.abs(right).max())
        for own, right in zip(rounded, exact, strict=True)
    )
