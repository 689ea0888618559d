"""Weights that hide nothing, the same for both sides, and the same moved by one unit in the last place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def probing(name: str, shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """float64. No 0 and no 1, variances positive: a default, or a branch that starts at 0, hides nothing.

    Kernels keep the size of what flows through them (He et al., arXiv:1502.01852), so that no unit is
    saturated and no gradient vanishes.
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
    """How many products a sum of this kernel has; an embedding's rows are taken, not summed."""
    if name == "embeddings" or len(shape) < 2:
        return 2
    if name in ("query/kernel", "key/kernel", "value/kernel"):
        return shape[0]
    return max(1, int(np.prod(shape[:-1])) if shape[-1] != 1 else int(np.prod(shape[:-2])))


def neutral(name: str, shape: Sequence[int]) -> np.ndarray:
    """Return what a tensor without a partner must hold, so that both sides can compute the same."""
    last = name.rpartition("/")[2]
    return np.ones(shape) if last in ("gamma", "moving_variance", "alpha") else np.zeros(shape)


def moved_by_a_unit(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each element one unit in the last place up or down."""
    towards = np.where(random.random(array.shape) < 0.5, np.inf, -np.inf).astype(array.dtype)
    return np.asarray(np.nextafter(array, towards))
