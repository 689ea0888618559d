"""Records every layer's input and output in one forward pass of a Keras model. See torch_impl/recorder.py.

It sets `layer.call` on the instance: Keras looks it up there for every eager call, in functional, sequential
and nested models alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_impl.kinds import Leaf

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
    thresholds: dict[str, bool] = field(default_factory=dict)  # torch's side looks at them


class NotProvable(Exception):
    """A part of the model that the ladder cannot prove; the message says what to set instead."""


class Recorder:
    """Records passes inside `running(record=True)`; in other passes only dropout's masks are replaced."""

    def __init__(self, found: Sequence[Leaf], mask: Mask) -> None:
        self.mask = mask
        self.recording: Recording | None = None
        self.dropouts: list[tuple[float, tuple[int, ...]]] = []
        self.padded: dict[int, tuple[Any, Any, list[int]]] = {}  # by result: result, source, widths
        self.axis_orders: dict[str, np.ndarray] = {}
        self.by_layer: dict[int, list[Leaf]] = {}
        for leaf in found:
            self.by_layer.setdefault(id(leaf.layer), []).append(leaf)
        for parts in self.by_layer.values():
            self.watch(parts)
        random = keras.src.backend.random
        random.dropout = self.dropout

    @contextmanager
    def running(self, record: bool) -> Iterator[Recording]:
        recording = Recording()
        self.recording = recording if record else None
        self.dropouts, self.padded = recording.dropouts, {}
        try:
            yield recording
        finally:
            self.recording, self.padded = None, {}

    def watch(self, parts: Sequence[Leaf]) -> None:
        """Replace the layer's `call`, and its activation, whose input is the output to record."""
        layer, inner = parts[0].layer, parts[0].layer.call
        before_activation: list[Any] = []
        activation: Any = getattr(layer, "activation", None)
        if "activation" in parts[-1].settings and parts[-1].kind.startswith(("conv", "depthwise", "dense")):

            def noted(x: Any, *args: Any, **kwargs: Any) -> Any:
                before_activation[:] = [x]
                return activation(x, *args, **kwargs)

            layer.activation = noted

        def call(*args: Any, **kwargs: Any) -> Any:
            inputs = [one for one in (*args, *kwargs.values()) if tf.is_tensor(one)]
            self.note_padding(parts[0], inputs)
            calls: list[Call] = []
            if self.recording is not None:
                for leaf in parts:
                    shown = leaf is parts[0] and inputs
                    seen = {"input": to_numpy(self.unpadded(leaf, inputs[0]))} if shown else {}
                    calls.append(Call(leaf, seen))
                self.recording.calls += calls
            result = inner(*args, **kwargs)
            self.note_pad(parts[0], inputs, result)
            self.note_crop(parts[0], inputs, result)
            if calls and not parts[-1].silent:
                own = before_activation[0] if before_activation else result
                calls[-1].outputs = outputs(parts[-1], own)
            return result

        layer.call = call

    def note_padding(self, leaf: Leaf, inputs: Sequence[Any]) -> None:
        """Note the padding of this input, including that of a ZeroPadding layer before it."""
        layer = leaf.layer
        if not inputs or not leaf.kind.startswith(("conv", "depthwise")) or "transpose" in leaf.kind:
            return
        sizes = inputs[0].shape[1:-1]
        strides, dilations = layer.strides, layer.dilation_rate
        own = padding(layer.padding, sizes, layer.kernel_size, strides, dilations)
        before = self.padded.get(id(inputs[0]), (None, None, [0] * len(own)))[2]
        leaf.settings["padding"] = [a + b for a, b in zip(own, before, strict=True)]

    def unpadded(self, leaf: Leaf, tensor: Any) -> Any:
        """Return a convolution's input before padding: one side may pad in the layer, the other before it."""
        source = self.padded.get(id(tensor), (None, tensor, []))[1]
        return source if leaf.kind.startswith(("conv", "depthwise")) else tensor

    def note_pad(self, leaf: Leaf, inputs: Sequence[Any], result: Any) -> None:
        if leaf.kind.startswith("ZeroPadding") and inputs and tf.is_tensor(result):
            pads = leaf.layer.padding
            flat = pads if isinstance(pads[0], int) else [one for pair in pads for one in pair]
            self.padded[id(result)] = (result, inputs[0], list(flat))

    def note_crop(self, leaf: Leaf, inputs: Sequence[Any], result: Any) -> None:
        """Note what a transposed convolution takes away: what the convolution whose gradient it is pads."""
        if "transpose" not in leaf.kind or not inputs:
            return
        layer, found = leaf.layer, list[int]()
        sizes = result.shape[1:-1]
        own = padding(layer.padding, sizes, layer.kernel_size, layer.strides, layer.dilation_rate)
        for axis, size in enumerate(sizes):
            extent = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
            whole = (inputs[0].shape[axis + 1] - 1) * layer.strides[axis] + extent
            found += [own[2 * axis], whole - size - own[2 * axis]]
        leaf.settings["padding"] = found

    def dropout(self, inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        """Replace Keras's dropout: apply a mask that both sides make from the same numbers."""
        own = noise_shape or inputs.shape
        shape = tuple(int(a if a is not None else b) for a, b in zip(own, inputs.shape, strict=True))
        self.dropouts.append((float(rate), shape))
        keep = tf.convert_to_tensor(self.mask(shape, float(rate)).astype(inputs.dtype.name))
        return inputs * keep / (1 - rate)


def padding(kind: str, sizes: Any, kernel: Any, strides: Any, dilations: Any) -> list[int]:
    """Return the padding before and after each axis. See tensorflow.org/api_docs/python/tf/nn, on padding."""
    if kind == "causal":
        return [dilations[0] * (kernel[0] - 1), 0]
    found: list[int] = []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        extent = (width - 1) * dilation + 1
        total = max((-(-size // stride) - 1) * stride + extent - size, 0) if kind == "same" else 0
        found += [total // 2, total - total // 2]
    return found


def outputs(leaf: Leaf, result: Any) -> dict[str, np.ndarray]:
    """Return a layer's output arrays by name. A recurrent layer has its sequence or its last output."""
    first = result[0] if isinstance(result, tuple | list) and result else result
    if not tf.is_tensor(first):
        return {}
    if leaf.kind.endswith(("lstm", "gru", "rnn")):
        return {"sequence" if leaf.settings["sequence"] else "last": to_numpy(first)}
    return {"output": to_numpy(first)}


def to_numpy(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.numpy()
    return array.copy()
