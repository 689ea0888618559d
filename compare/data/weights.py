"""Draws the initial weights: one seeded NumPy set in canonical layouts for every implementation."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np

from compare.data.streams import generator
from lenet_spec import LeNetSpec, Shape


def initial_weights(spec: LeNetSpec, seed: int) -> dict[str, np.ndarray]:
    """Return float32 arrays by canonical name, with the shapes of `spec.parameter_shapes()`.

    They are float32 for a float64 run too, which widens them: both dtypes start from the same numbers.
    """
    rng = generator(seed, "weights")
    initializers = {"glorot_uniform": glorot_uniform, "zeros": zeros}
    weights = {}
    for name, shape in spec.parameter_shapes().items():
        kind = spec.kernel_initializer if name.endswith("/kernel") else spec.bias_initializer
        weights[name] = initializers[kind](shape, rng)
    return weights


def glorot_uniform(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Draw uniformly from ±sqrt(6 / (fan_in + fan_out)): Glorot and Bengio (2010), equation 16.

    The fans of a convolution count its whole window: height x width x channels.
    """
    window = math.prod(shape[:-2])
    fan_in, fan_out = window * shape[-2], window * shape[-1]
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def zeros(shape: Shape, _: np.random.Generator) -> np.ndarray:
    return np.zeros(shape, np.float32)


def weights_digest(weights: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256, in hex, of names, shapes and float64 values: the dtype has no influence."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name}{weights[name].shape}".encode())
        digest.update(np.ascontiguousarray(weights[name], np.float64).data)
    return digest.hexdigest()
