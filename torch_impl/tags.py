"""Which axis of a tensor is which: torch keeps channels first, this project's canonical layout has them last.

A tag says what each dimension holds, as a tuple of (letter, size): N, D, H, W, C, or "." for an axis of its
own. It follows a tensor through every torch function, so that a flattened image is known to be one long
after its rank has ceased to tell. Nothing is read from values, and nothing is guessed from a rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Axis = tuple[tuple[str, int], ...]  # what one dimension holds: several after a flatten, none after a sum
Tag = tuple[Axis, ...]

LETTERS = {3: "NCW", 4: "NCHW", 5: "NCDHW"}  # of what a convolution returns, by rank
ORDER = "NDHWC."

# These mix the last axis anew: what it held before is no longer there, even if its size is the same.
MIXING = (functional.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.bmm, torch.mm,
          torch.Tensor.__rmatmul__, torch.einsum, torch.addmm, functional.embedding)  # fmt: skip
PERMUTING = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t"}
RESHAPING = {"reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"}


def channels_first(shape: Sequence[int]) -> Tag | None:
    """Return the tag of what a convolution or a pool over images returns."""
    letters = LETTERS.get(len(shape))
    if letters is None:
        return None
    return tuple(((letter, size),) for letter, size in zip(letters, shape, strict=True))


class Tags:
    """Tags by tensor. Tensors are kept alive, so that no other one gets the same identity."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[torch.Tensor, Tag]] = {}

    def get(self, tensor: Any) -> Tag | None:
        found = self.known.get(id(tensor))
        return found[1] if found and shape_of(found[1]) == tuple(tensor.shape) else None

    def put(self, tensor: torch.Tensor, tag: Tag | None) -> None:
        if tag is None or all(not letter_axis(axis) for axis in tag):
            self.known.pop(id(tensor), None)
        else:
            self.known[id(tensor)] = (tensor, tag)

    def canonical(self, tensor: torch.Tensor) -> np.ndarray:
        """Return a copy as NumPy with its tagged axes in canonical order; an untagged tensor as it is."""
        array: np.ndarray = tensor.detach().cpu().numpy().copy()
        return to_canonical(array, self.get(tensor))


class Follow(TorchFunctionMode):
    """Tags what each torch function returns. `replace` may stand in for a function (dropout)."""

    def __init__(self, tags: Tags, replace: Mapping[Any, Callable[..., Any]]) -> None:
        super().__init__()
        self.tags, self.replace = tags, replace

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = self.replace.get(func, func)(*args, **kwargs)
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.follow(func, args, tensor)
        return result

    def follow(self, func: Any, args: Sequence[Any], result: torch.Tensor) -> None:
        sources = [one for arg in args for one in (arg if isinstance(arg, tuple | list) else (arg,))]
        tensors = [one for one in sources if isinstance(one, torch.Tensor)]
        source = next((one for one in tensors if self.tags.get(one) is not None), None)
        if source is None or result.ndim == 0:
            return
        tag = self.tags.get(source)
        assert tag is not None
        name = getattr(func, "__name__", "")
        if name in PERMUTING:
            self.tags.put(result, permuted(tag, source, func, args))
        elif name in RESHAPING:
            self.tags.put(result, regrouped(tag, tuple(result.shape)))
        else:
            found = resized(tag, tuple(result.shape))
            if found is not None and func in MIXING:
                found = (*found[:-1], (("C", result.shape[-1]),))
            self.tags.put(result, found)


def permuted(tag: Tag, source: torch.Tensor, func: Any, args: Sequence[Any]) -> Tag | None:
    """Return the tag after a permutation, found by permuting an empty tensor whose strides tell its axes."""
    probe = torch.empty([2] * source.ndim, device="meta")
    moved = func(probe, *args[1:])
    order = [probe.stride().index(stride) for stride in moved.stride()]
    return tuple(tag[axis] for axis in order)


def regrouped(tag: Tag, shape: tuple[int, ...]) -> Tag | None:
    """Return the tag after a reshape: the same axes in other dimensions, None if one would be cut."""
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
    """Return the tag of a result of the same rank: an axis that kept its size keeps what it holds."""
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
    """For each canonical place of a flattened axis the place it has in torch; None if they are the same."""
    order = sorted(range(len(axis)), key=lambda one: ORDER.index(axis[one][0]))
    if order == list(range(len(axis))):
        return None
    size = math.prod(size for _, size in axis)
    places = np.arange(size).reshape([size for _, size in axis])
    return places.transpose(order).reshape(-1)


def to_canonical(array: np.ndarray, tag: Tag | None) -> np.ndarray:
    """array: in torch's order. Returns it with its dimensions, and flattened axes, in canonical order."""
    if tag is None:
        return array
    for place, axis in enumerate(tag):
        if (order := axis_order(axis)) is not None:
            array = array.take(order, axis=place)
    return np.ascontiguousarray(array.transpose(dimension_order(tag)))


def dimension_order(tag: Tag) -> list[int]:
    """Only what lies between the first and the last tagged dimension moves: N first, then D, H, W, then C."""
    return sorted(range(len(tag)), key=lambda place: rank(tag[place]))


def from_canonical(array: np.ndarray, tag: Tag | None) -> np.ndarray:
    """Return the inverse of `to_canonical`, for masks and inputs that are made in canonical layout."""
    if tag is None:
        return array
    positions = to_canonical(np.arange(array.size).reshape(shape_of(tag)), tag)
    flat = np.empty(array.size, array.dtype)
    flat[positions.reshape(-1)] = array.reshape(-1)
    return flat.reshape(shape_of(tag))
