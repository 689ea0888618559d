"""Weights and batches at which a threshold shows: what a few steps from the usual start never reach.

Activations and logits of either sign up to 1e3, probabilities down to 1e-12 and far below, gradients larger
than any usual clipping, pixels outside [0, 1], thousands of tied pool windows. An activation that saturates,
a clamp, a floor under a probability, gradients that are clipped: each changes a figure here.

Every weight and every pixel is a small whole number over a power of two, so that no sum in the network is
rounded in float64 (measured: none up to the second pool in float32 either). Ties are then ties in every
framework, in whatever order it adds, and so are sums of exactly zero under a ReLU. Both frameworks give a
tied window's gradient to its first value in row-major order, and a ReLU at zero none (measured, in every
variant), so neither needs to be kept out.
"""

from __future__ import annotations

import numpy as np

from compare.data.batches import Batch
from compare.data.streams import generator
from lenet_spec import LeNetSpec, Shape

# Largest numerator and denominator of a kernel's entries. Each layer then works at about the scale of its
# inputs, so that an image's own scale runs through the network to its logits.
KERNELS = {"conv1": (8, 8), "conv2": (4, 64), "dense1": (4, 128), "dense2": (8, 64)}
BIASES = (4, 4)

SCALES = tuple(range(-6, 8))  # powers of two: logits from about 0.05 to 1,000
# Of the images in each batch, in order. Adam forgets a gradient's length in its first step, so gradients that
# are clipped show only when long and short ones meet: the second batch's are a thousandth of the first's.
BATCH_SCALES = ((*SCALES, *SCALES, 0, 0, 7, 7), (*SCALES[:4] * 8,), (*SCALES, *SCALES, 7, 7, -6, -6))


def weights(spec: LeNetSpec) -> dict[str, np.ndarray]:
    """float32 arrays by canonical name, of `spec.parameter_shapes()`; the same for every seed."""
    rng = generator(0, "stress")
    return {
        name: fractions(rng, shape, *(BIASES if name.endswith("/bias") else KERNELS[name.split("/")[0]]))
        for name, shape in spec.parameter_shapes().items()
    }


def fractions(rng: np.random.Generator, shape: Shape, most: int, unit: int) -> np.ndarray:
    """Multiples of 1 / unit up to most / unit, of either sign."""
    return (rng.integers(-most, most + 1, shape) / unit).astype(np.float32)


def batches(spec: LeNetSpec) -> list[Batch]:
    """One for each of BATCH_SCALES, in float64; the smallest images are coarse, which makes ties."""
    rng = generator(1, "stress")
    return [batch(rng, spec, np.array(scales)) for scales in BATCH_SCALES]


def batch(rng: np.random.Generator, spec: LeNetSpec, scales: np.ndarray) -> Batch:
    count = len(scales)
    fine = rng.integers(-16, 33, (count, *spec.input.shape)) / 16
    coarse = rng.integers(-1, 3, (count, *spec.input.shape))
    pixels = np.where((np.arange(count) % 2 == 0)[:, None, None, None], fine, coarse)
    images = pixels * 2.0 ** scales[:, None, None, None]
    labels = rng.integers(0, spec.classes, count)
    mask = None
    if spec.dropout.active:
        mask = (rng.random((count, spec.dense1.units)) >= spec.dropout.rate).astype(np.float64)
    return Batch(images, labels, mask)
