"""Records every layer's input and output in one forward pass of a torch model. See tf_impl/recorder.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from torch_impl.axes import axis_order, channels_first, from_canonical, to_canonical
from torch_impl.kinds import Leaf, pads
from torch_impl.tags import Follow, Tags
from torch_impl.thresholds import thresholds

Mask = Callable[[tuple[int, ...], float], np.ndarray]  # (canonical shape, rate) -> array of 0 and 1


@dataclass
class Call:
    """One call of a leaf, with canonical arrays by name."""

    leaf: Leaf
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Recording:
    """One forward pass: the calls in order. `dropouts`: the rate and canonical shape of each mask."""

    calls: list[Call] = field(default_factory=list)
    dropouts: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    taps: dict[str, np.ndarray] = field(default_factory=dict)
    thresholds: dict[str, bool] = field(default_factory=dict)  # whether units lie on both sides of it


class NotProvable(Exception):
    """A part of the model that the ladder cannot prove; the message says what to set instead."""


class Recorder:
    """Records passes inside `running(record=True)`; in other passes only dropout's masks are replaced."""

    def __init__(self, found: Sequence[Leaf], mask: Mask) -> None:
        self.mask = mask
        self.tags = Tags()
        self.recording: Recording | None = None
        self.open: dict[int, list[Call]] = {}
        self.by_layer: dict[int, list[Leaf]] = {}
        self.dropouts: list[tuple[float, tuple[int, ...]]] = []
        self.last = "the input"  # layer with parameters
        self.called: list[str] = []  # the functions since the last layer with parameters, in words
        self.padded: dict[int, tuple[Any, Any, list[int]]] = {}  # by result: result, source, widths
        self.axis_orders: dict[str, np.ndarray] = {}  # by path: the permutation of a flattened input
        for leaf in found:
            self.by_layer.setdefault(id(leaf.layer), []).append(leaf)
        for parts in self.by_layer.values():
            parts[0].layer.register_forward_pre_hook(self.before, with_kwargs=True, prepend=True)
            parts[0].layer.register_forward_hook(self.after, with_kwargs=True)

    @contextmanager
    def running(self, record: bool) -> Iterator[Recording]:
        self.tags, recording = Tags(), Recording()
        self.recording = recording if record else None
        self.dropouts, self.padded = recording.dropouts, {}
        self.called.clear()
        self.last = "the input"
        replaced: dict[Any, Callable[..., Any]] = {
            functional.dropout: self.dropout,
            functional.dropout1d: self.feature_dropout,
            functional.dropout2d: self.feature_dropout,
            functional.dropout3d: self.feature_dropout,
            functional.pad: self.pad,
            functional.scaled_dot_product_attention: attention_without_dropout,
            functional.multi_head_attention_forward: attention_forward,
        }
        try:
            with Follow(self.tags, replaced, self.called, self.note_thresholds):
                yield recording
        finally:
            self.recording, self.padded = None, {}
            self.tags = Tags()

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        parts = self.by_layer[id(module)]
        inputs = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
        with torch._C.DisableTorchFunction():
            for leaf in parts:
                self.note_order(leaf, inputs)
            self.note_padding(parts[0], inputs)
            if parts[0].tensors:
                parts[0].before = list(self.called)
            if self.recording is None:
                return
            calls = []
            for leaf in parts:
                shown = {"input": self.unpadded(leaf, inputs[0])} if leaf is parts[0] and inputs else {}
                calls.append(Call(leaf, {name: self.canonical(leaf, one) for name, one in shown.items()}))
            self.recording.calls += calls
            self.open.setdefault(id(module), []).extend(calls)

    def after(self, module: Any, args: Any, kwargs: Any, result: Any) -> None:
        parts = self.by_layer[id(module)]
        with torch._C.DisableTorchFunction():
            if parts[0].tensors:
                self.last = parts[0].path
                self.called.clear()
            if parts[0].layout == "channels_first" and isinstance(result, torch.Tensor):
                self.tags.put(result, channels_first(result.shape))
            if self.recording is None:
                return
            calls = [self.open[id(module)].pop() for _ in parts]
            leaf = parts[-1]
            shown = {} if leaf.silent else outputs(leaf, result)
            calls[0].outputs = {name: self.canonical(leaf, one) for name, one in shown.items()}

    def note_thresholds(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if self.recording is not None:
            for name, reached in thresholds(function, args, kwargs).items():
                whole = f"{name} after {self.last}"
                self.recording.thresholds[whole] = self.recording.thresholds.get(whole, False) or reached

    def note_order(self, leaf: Leaf, inputs: Sequence[torch.Tensor]) -> None:
        """Note the permutation of a flattened last axis, for the rows of a dense kernel."""
        tag = self.tags.get(inputs[0]) if inputs and leaf.channel_axes else None
        if tag is not None and len(tag) == 2 and (order := axis_order(tag[1])) is not None:
            self.axis_orders[leaf.path] = order
            leaf.settings["rows"] = "permuted from " + " × ".join(
                f"{'channels' if letter == 'C' else letter} {size}" for letter, size in tag[1]
            )

    def note_padding(self, leaf: Leaf, inputs: Sequence[torch.Tensor]) -> None:
        """Note the padding, including that of a layer or function before it."""
        if leaf.layout == "channels_first" and inputs and "transpose" not in leaf.kind:
            own = pads(leaf.layer)
            before = self.padded.get(id(inputs[0]), (None, None, [0] * len(own)))[2]
            leaf.settings["padding"] = [a + b for a, b in zip(own, before, strict=True)]

    def unpadded(self, leaf: Leaf, tensor: torch.Tensor) -> torch.Tensor:
        """Return a convolution's input before padding: one side may pad in the layer, the other before it."""
        source = self.padded.get(id(tensor), (None, tensor, []))[1]
        return source if leaf.layout == "channels_first" else tensor

    def pad(self, input: torch.Tensor, pad: Sequence[int], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Pad, and note the widths in the order of the axes: torch gives the last axis first."""
        result = functional.pad(input, pad, *args, **kwargs)
        pairs = [tuple(pad[place : place + 2]) for place in range(0, len(pad), 2)]
        widths = [int(one) for pair in reversed(pairs) for one in pair]
        if len(widths) == 2 * (input.ndim - 2):
            self.padded[id(result)] = (result, input, widths)
        return result

    def canonical(self, leaf: Leaf, tensor: torch.Tensor) -> np.ndarray:
        """Return the array in canonical layout, which follows from the layer's kind or the tensor's tag."""
        tag = self.tags.get(tensor)
        if tag is None and leaf.layout in ("channels_first", "normed"):
            tag = channels_first(tensor.shape)
        array: np.ndarray = tensor.detach().cpu().numpy().copy()
        if leaf.layout == "time_first":
            return np.ascontiguousarray(array.swapaxes(0, 1))
        return to_canonical(array, tag)

    def dropout(
        self, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        return self.apply_mask(input, p, training, feature=False)

    def feature_dropout(
        self, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        return self.apply_mask(input, p, training, feature=True)

    def apply_mask(self, units: torch.Tensor, p: float, training: bool, *, feature: bool) -> torch.Tensor:
        """Replace torch's dropout: apply a mask that both sides make from the same numbers."""
        if not training or p == 0:
            return units
        tag = self.tags.get(units) or (channels_first(units.shape) if feature else None)
        if feature:
            shape = (units.shape[0], *[1] * (units.ndim - 2), units.shape[1])
            mask = np.moveaxis(self.mask(shape, p), -1, 1)
        else:
            positions = to_canonical(np.empty(tuple(units.shape), bool), tag)
            shape = positions.shape
            mask = from_canonical(self.mask(shape, p), tag)
        self.dropouts.append((float(p), tuple(shape)))
        keep = torch.from_numpy(np.ascontiguousarray(mask)).to(units)
        return units * keep / (1 - p)


def outputs(leaf: Leaf, result: Any) -> dict[str, torch.Tensor]:
    """Return a layer's output tensors by name. A recurrent layer has its sequence and its last output."""
    if leaf.kind.endswith(("lstm", "gru", "rnn")):
        sequence, last = result
        hidden = last[0] if isinstance(last, tuple) else last
        directions = 2 if leaf.kind.startswith("bidirectional") else 1
        ends = torch.cat(list(hidden[-directions:]), dim=-1)
        if leaf.layout == "time_first":
            ends = ends.unsqueeze(1)  # [N, 1, units]; the caller swaps the first two axes
            return {"sequence": sequence, "last": ends.transpose(0, 1)}
        return {"sequence": sequence, "last": ends}
    if isinstance(result, torch.Tensor):
        return {"output": result}
    if isinstance(result, tuple | list) and result and isinstance(result[0], torch.Tensor):
        return {"output": result[0]}
    return {}


def attention_without_dropout(*args: Any, dropout_p: float = 0.0, **kwargs: Any) -> torch.Tensor:
    if dropout_p:
        raise NotProvable(
            f"scaled_dot_product_attention drops out at rate {dropout_p} inside a fused operation, where no "
            "mask can be shared. Set its dropout_p to 0 for the proof"
        )
    return functional.scaled_dot_product_attention(*args, **kwargs)


DROPOUT_PLACE = 10  # its place among the positional arguments of multi_head_attention_forward


def attention_forward(*args: Any, **kwargs: Any) -> Any:
    """Refuse the dropout of nn.MultiheadAttention: raise NotProvable if its rate is not 0."""
    rate = kwargs.get("dropout_p", args[DROPOUT_PLACE] if len(args) > DROPOUT_PLACE else 0.0)
    if rate and kwargs.get("training", True):
        raise NotProvable(
            "nn.MultiheadAttention drops out attention weights in a fused operation, where no mask can be "
            "shared. Set its dropout to 0 for the proof"
        )
    return functional.multi_head_attention_forward(*args, **kwargs)
