"""Converts arrays between torch's order of axes and the canonical order. Uses NumPy only.

torch keeps channels first; the canonical layouts have them last. A tag gives the axes that each dimension
holds, as a tuple of (letter, size). The letters are N, D, H, W, C, and "." for any other axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Axis = tuple[tuple[str, int], ...]  # the axes in one dimension: several after a flatten, none after a sum
Tag = tuple[Axis, ...]

LETTERS = {3: "NCW", 4: "NCHW", 5: "NCDHW"}  # the axes of a convolution's result, by rank
ORDER = "NDHWC."


def channels_first(shape: Sequence[int]) -> Tag | None:
    """Return the tag of a convolution's or pool's result; None if no tag is known for this rank."""
    letters = LETTERS.get(len(shape))
    if letters is None:
        return None
    return tuple(((letter, size),) for letter, size in zip(letters, shape, strict=True))


def regrouped(tag: Tag, shape: tuple[int, ...]) -> Tag | None:
    """Return the tag after a reshape: the same axes in other dimensions. None if the reshape cuts an axis."""
    atoms = [atom for axis in tag for atom in axis if atom[1] != 1]
    groups: list[Axis] = []
    for size in shape:
        group: list[tuple[str, int]] = []
        while math.prod(one[1] for one in group) < size and atoms:
            group.append(atoms.pop(0))
        if math.prod(one[1] for one in group) != size:
            return None
        groups.append(tuple(group))
    return None if atoms else tuple(groups)


def resized(tag: Tag, shape: tuple[int, ...]) -> Tag | None:
    """Return the tag of a result of the same rank: a dimension that keeps its size keeps its axes."""
    if len(shape) != len(tag):
        return None
    return tuple(resized_axis(axis, size) for axis, size in zip(tag, shape, strict=True))


def resized_axis(axis: Axis, size: int) -> Axis:
    if math.prod(one[1] for one in axis) == size:
        return axis
    return ((axis[0][0], size),) if len(axis) == 1 else ((".", size),)


def letter_axis(axis: Axis) -> bool:
    return any(letter in "DHW" for letter, _ in axis)


def shape_of(tag: Tag) -> tuple[int, ...]:
    return tuple(math.prod(size for _, size in axis) for axis in tag)


def rank(axis: Axis) -> int:
    return min((ORDER.index(letter) for letter, _ in axis), default=len(ORDER))


def axis_order(axis: Axis) -> np.ndarray | None:
    """Return torch's place for each canonical place in a flattened axis; None if all places are the same."""
    order = sorted(range(len(axis)), key=lambda one: ORDER.index(axis[one][0]))
    if order == list(range(len(axis))):
        return None
    size = math.prod(size for _, size in axis)
    places = np.arange(size).reshape([size for _, size in axis])
    return places.transpose(order).reshape(-1)


def to_canonical(array: np.ndarray, tag: Tag | None) -> np.ndarray:
    """Return an array of torch's order with its dimensions and its flattened axes in canonical order."""
    if tag is None:
        return array
    for place, axis in enumerate(tag):
        if (order := axis_order(axis)) is not None:
            array = array.take(order, axis=place)
    return np.ascontiguousarray(array.transpose(dimension_order(tag)))


def dimension_order(tag: Tag) -> list[int]:
    """Return the canonical order of the dimensions: N, D, H, W, C, then those with other axes or none."""
    return sorted(range(len(tag)), key=lambda place: rank(tag[place]))


def from_canonical(array: np.ndarray, tag: Tag | None) -> np.ndarray:
    """Convert an array back to torch's order. Masks and inputs are made in canonical order."""
    if tag is None:
        return array
    positions = to_canonical(np.arange(array.size).reshape(shape_of(tag)), tag)
    flat = np.empty(array.size, array.dtype)
    flat[positions.reshape(-1)] = array.reshape(-1)
    return flat.reshape(shape_of(tag))
