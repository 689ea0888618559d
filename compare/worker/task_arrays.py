"""Makes the arrays of the replies about a porter's network. Uses NumPy only."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Tensor

SAMPLE = 4096  # elements of each tensor that are sent for a step that checks the optimizer's rule


def reply(arrays: Mapping[Tensor, np.ndarray], **numbers: Any) -> messages.TaskArrays:
    contiguous = {str(place): np.ascontiguousarray(one) for place, one in enumerate(arrays.values())}
    return messages.TaskArrays(list(arrays), safetensors.numpy.save(contiguous), numbers)


def samples_of(arrays: Mapping[Tensor, np.ndarray]) -> dict[Tensor, np.ndarray]:
    return {tensor: one.reshape(-1)[:SAMPLE].copy() for tensor, one in arrays.items()}


def shaped(kind: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return ones for variances and scales, zeros for shifts, random kernels that follow kind and shape."""
    last = name.rpartition("/")[2]
    if last in ("gamma", "moving_variance"):
        return np.ones(shape)
    if "bias" in last or last in ("beta", "moving_mean"):
        return np.zeros(shape)
    random = np.random.default_rng(zlib.crc32(f"{kind} {name} {list(shape)}".encode()))
    fan = max(1, int(np.prod(shape[:-1])))
    return np.asarray(random.standard_normal(shape) * (2 / fan) ** 0.5)


def fingerprint(array: np.ndarray) -> list[float]:
    """Return four sums that distinguish inputs of any size: a mean and three projections."""
    flat = array.reshape(-1).astype(np.float64)
    waves = [np.cos(np.arange(flat.size) * angle + angle) for angle in (0.9, 2.3, 4.1)]
    scale = max(1, flat.size) ** 0.5
    return [float(flat.mean()) if flat.size else 0.0, *(float(flat @ wave) / scale for wave in waves)]


def flattened(value: Any, name: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        return [(name, value)]
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [one for key, own in pairs for one in flattened(own, f"{name}/{key}")]
