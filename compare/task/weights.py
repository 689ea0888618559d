"""Makes weights that hide no mistake, equal on both sides, and moves them by one unit in the last place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def probing(name: str, shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """Return float64 values without 0 and 1, so that no default hides a mistake; variances are positive.

    Kernels keep the scale of activations (He et al., arXiv:1502.01852), so that no unit is saturated and no
    gradient vanishes.
    """
    last = name.rpartition("/")[2]
    if last in ("moving_variance", "gamma"):
        return np.asarray(random.uniform(0.6, 1.4, shape))
    if "bias" in last or last in ("beta", "moving_mean"):
        return signed(random.uniform(0.05, 0.4, shape), random)
    if last == "alpha":
        return np.asarray(random.uniform(0.1, 0.4, shape))
    return np.asarray(random.standard_normal(shape) * (1.5 / fan_in(name, shape)) ** 0.5)


def signed(magnitudes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.asarray(magnitudes * random.choice([-1.0, 1.0], magnitudes.shape))


def fan_in(name: str, shape: Sequence[int]) -> int:
    """Return how many products each sum of this kernel has. An embedding selects rows and sums nothing."""
    if name == "embeddings" or len(shape) < 2:
        return 2
    if name in ("query/kernel", "key/kernel", "value/kernel"):
        return shape[0]
    return max(1, int(np.prod(shape[:-1])) if shape[-1] != 1 else int(np.prod(shape[:-2])))


def neutral(name: str, shape: Sequence[int]) -> np.ndarray:
    """Return the values with which a tensor without a partner has no effect."""
    last = name.rpartition("/")[2]
    return np.ones(shape) if last in ("gamma", "moving_variance", "alpha") else np.zeros(shape)


def moved_by_a_unit(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move each element up or down by one unit in the last place, at random."""
    towards = np.where(random.random(array.shape) < 0.5, np.inf, -np.inf).astype(array.dtype)
    return np.asarray(np.nextafter(array, towards))
