"""Makes weights and batches that reach thresholds, which a few steps from the usual start never reach.

They give activations and logits of either sign up to 1e3, probabilities down to far below 1e-12, gradients
above any usual clipping limit, pixels outside [0, 1], and thousands of tied pool windows. So an activation
that saturates, a clamp, a lower limit of a probability or a clipped gradient changes a number here.

Every weight and every pixel is a small integer divided by a power of two, so no sum in the network is rounded
in float64 (measured: none up to the second pool in float32 either). Then ties, and sums of exactly zero
before a ReLU, are the same in every framework, in any order of addition. Both frameworks give a tied window's
gradient to its first value in row-major order, and a ReLU at zero no gradient (measured in every variant). So
ties and zeros need no exception.
"""

from __future__ import annotations

import numpy as np

from compare.data.batches import Batch
from compare.data.streams import generator
from lenet_spec import LeNetSpec, Shape

# Largest numerator and denominator of a kernel's entries. They keep each layer's outputs at about the scale
# of its inputs, so that an image's scale reaches its logits.
KERNELS = {"conv1": (8, 8), "conv2": (4, 64), "dense1": (4, 128), "dense2": (8, 64)}
BIASES = (4, 4)

SCALES = tuple(range(-6, 8))  # powers of two: logits from about 0.05 to 1,000
# The scales of the images in each batch, in order. Adam's first step does not depend on a gradient's length,
# so clipping shows only if long and short gradients meet: those of the second batch are a thousandth of the
# first's.
BATCH_SCALES = ((*SCALES, *SCALES, 0, 0, 7, 7), (*SCALES[:4] * 8,), (*SCALES, *SCALES, 7, 7, -6, -6))


def weights(spec: LeNetSpec) -> dict[str, np.ndarray]:
    """Return float32 arrays by canonical name, as in `spec.parameter_shapes()`, the same for every seed."""
    rng = generator(0, "stress")
    return {
        name: fractions(rng, shape, *(BIASES if name.endswith("/bias") else KERNELS[name.split("/")[0]]))
        for name, shape in spec.parameter_shapes().items()
    }


def fractions(rng: np.random.Generator, shape: Shape, most: int, unit: int) -> np.ndarray:
    """Return random multiples of 1 / unit up to most / unit, of either sign."""
    return (rng.integers(-most, most + 1, shape) / unit).astype(np.float32)


def batches(spec: LeNetSpec) -> list[Batch]:
    """Return a float64 batch for each of BATCH_SCALES. The smallest images are coarse, which makes ties."""
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
