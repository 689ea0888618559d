"""Follows which axis of a tensor is which through every torch function. See axes.py for what a tag is.

So a flattened image is still known as an image when its rank no longer shows it. Nothing is read from
values, and nothing is guessed from a rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from torch_impl.axes import Tag, letter_axis, regrouped, resized, shape_of, to_canonical

# These make a new last axis: it does not hold the old axes, even if its size is the same.
MIXING = (functional.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.bmm, torch.mm,
          torch.Tensor.__rmatmul__, torch.einsum, torch.addmm, functional.embedding)  # fmt: skip
PERMUTING = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t"}
RESHAPING = {"reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"}


class Tags:
    """The tag of each tensor. It keeps the tensors alive, so that no other tensor gets the same id."""

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
        """Return a NumPy copy with the tagged axes in canonical order; keep an untagged tensor's order."""
        array: np.ndarray = tensor.detach().cpu().numpy().copy()
        return to_canonical(array, self.get(tensor))


class Follow(TorchFunctionMode):
    """Tags the result of each torch function. `replace` holds substitutes for functions, such as dropout.

    called: the functions of torch.nn.functional that were called, in words. before: sees each call first.
    """

    def __init__(
        self,
        tags: Tags,
        replace: Mapping[Any, Callable[..., Any]],
        called: list[str],
        before: Callable[[Any, Sequence[Any], Mapping[str, Any]], None],
    ) -> None:
        super().__init__()
        self.tags, self.replace, self.called, self.before = tags, replace, called, before

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        self.before(func, args, kwargs)
        result = self.replace.get(func, func)(*args, **kwargs)
        if words := in_words(func, args, kwargs):
            self.called.append(words)
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
    """Return the tag after a permutation. Permute an empty tensor, and read the order from its strides."""
    probe = torch.empty([2] * source.ndim, device="meta")
    moved = func(probe, *args[1:])
    order = [probe.stride().index(stride) for stride in moved.stride()]
    return tuple(tag[axis] for axis in order)


SHOWN = {"relu", "tanh", "sigmoid", "softmax", "silu", "flatten", "mean", "clamp"}  # also methods of tensors
NOT_SHOWN = {"linear", "embedding", "batch_norm", "layer_norm", "group_norm", "pad"}


def in_words(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Return `gelu(approximate tanh)` for a function that could explain a difference, else None."""
    name = getattr(func, "__name__", "").strip("_")
    functional_one = getattr(func, "__module__", "") == "torch.nn.functional"
    if name in NOT_SHOWN or not (functional_one or name in SHOWN):
        return None
    plain = [str(one) for one in args[1:] if isinstance(one, int | float | str | tuple)]
    plain += [f"{key} {one}" for key, one in kwargs.items() if isinstance(one, int | float | str | tuple)]
    return f"{name}({', '.join(plain)})" if plain else name
