"""Finds a Keras model's layers and their tensors in canonical names and layouts. See torch_impl/kinds.py.

Every layer becomes one leaf or, if it is several layers in one, one leaf for each of them. An index maps each
canonical tensor to its places in the model's own variables: canonical = flat[index]. Canonical layouts are
Keras's, so most indices change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np


@dataclass
class Bound:
    """A canonical tensor: the sum of `variables`, the model's own (an LSTM of torch has two biases)."""

    variables: tuple[Any, ...]
    index: np.ndarray  # has the canonical shape; holds places in the flattened variable
    state: bool = False  # running statistics, which forward passes update, not the optimizer


@dataclass
class Leaf:
    """A layer by its path, with kind, settings and tensors. `layer`: the layer whose calls are recorded."""

    path: str
    kind: str
    layer: Any
    settings: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Bound] = field(default_factory=dict)
    channel_axes: dict[str, int] = field(default_factory=dict)  # axes that follow the input's last axis
    layout: str = "channels_last"
    silent: bool = False  # its output is not compared, because it is hidden or belongs to inner layers
    before: list[str] = field(default_factory=list)  # the functions called since the previous layer, in words


WHOLE = "self"  # the path of the model itself, as it names itself in its own code


def leaves(model: keras.Model) -> list[Leaf]:
    """Every layer of the model, in order of definition; first the model itself, if it holds variables."""
    found = [leaf for leaf in raw(WHOLE, model) if leaf.tensors]
    for path, layer in walk(model, ""):
        make = maker(layer)
        if make is not None:
            found += make(path, layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            found += raw(path, layer)
    return found


def walk(parent: Any, prefix: str, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield layers with their paths: by attribute, or by name in a functional or sequential model."""
    seen = set() if seen is None else seen
    names = attribute_names(parent)
    for layer in parent._layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        path = f"{prefix}{names.get(id(layer), layer.name)}"
        if maker(layer) is not None or not layer._layers:
            yield path, layer
            continue
        if layer._trainable_variables or layer._non_trainable_variables:
            yield path, layer
        yield from walk(layer, f"{path}/", seen)


def attribute_names(parent: Any) -> dict[int, str]:
    """Return the attribute, or the place in a list, that holds each layer of a subclassed model."""
    if isinstance(parent, keras.Sequential) or hasattr(parent, "_functional") or is_functional(parent):
        return {}
    names: dict[int, str] = {}
    for name, value in vars(parent).items():
        if name.startswith("_"):
            continue
        if isinstance(value, keras.layers.Layer):
            names.setdefault(id(value), name)
        elif isinstance(value, list | tuple):
            names.update({id(one): f"{name}/{place}" for place, one in enumerate(value)})
    return names


def is_functional(model: Any) -> bool:
    return any(one.__name__ == "Functional" for one in type(model).__mro__)


def maker(layer: Any) -> Callable[[str, Any], list[Leaf]] | None:
    return next((MAKERS[one] for one in type(layer).__mro__ if one in MAKERS), None)


def bound(variable: Any, view: Callable[[np.ndarray], np.ndarray] = lambda one: one) -> Bound:
    shape = tuple(variable.shape)
    return Bound((variable,), view(np.arange(int(np.prod(shape))).reshape(shape)))


def state(variable: Any) -> Bound:
    return Bound((variable,), bound(variable).index, state=True)


def optional(**tensors: Any) -> dict[str, Bound]:
    return {name: bound(variable) for name, variable in tensors.items() if variable is not None}


def raw(path: str, layer: Any) -> list[Leaf]:
    """Return the leaf of a layer of unknown kind, with its tensors unchanged."""
    tensors = {one.name: bound(one) for one in layer._trainable_variables}
    own = [one for one in layer._non_trainable_variables if "float" in str(one.dtype)]
    tensors |= {one.name: state(one) for one in own}
    settings = {name: getattr(layer, name) for name in SETTINGS if plain(getattr(layer, name, None))}
    activation = getattr(layer, "activation", None)
    if callable(activation):
        settings["activation"] = getattr(activation, "__name__", str(activation))
    return [Leaf(path, type(layer).__name__, layer, settings, tensors, silent=bool(layer._layers))]


SETTINGS = ("rate", "negative_slope", "max_value", "threshold", "alpha", "pool_size", "strides", "padding",
            "interpolation", "axis")  # fmt: skip


def plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) or (
        isinstance(value, tuple) and all(isinstance(one, int) for one in value)
    )


def activated(layer: Any, settings: dict[str, Any]) -> dict[str, Any]:
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    return settings if name in (None, "linear") else {**settings, "activation": name}


def dense(path: str, layer: keras.layers.Dense) -> list[Leaf]:
    tensors = optional(kernel=layer._kernel, bias=layer.bias)
    return [Leaf(path, "dense", layer, activated(layer, {}), tensors, {"kernel": 0})]


def conv(path: str, layer: Any) -> list[Leaf]:
    """Return the kernel as [*space, I, O]; if each channel is a group, as depthwise [*space, C, M]."""
    kernel, space = layer._kernel, layer.rank
    settings = activated(layer, {"stride": list(layer.strides), "dilation": list(layer.dilation_rate)})
    channels = kernel.shape[-2] * layer.groups
    if layer.groups == channels and layer.groups > 1:
        multiplier = layer.filters // channels
        view = bound(kernel, lambda one: one.reshape(*one.shape[:space], channels, multiplier))
        tensors = {"kernel": view, **optional(bias=layer.bias)}
        return [Leaf(path, f"depthwise_conv{space}d", layer, settings, tensors)]
    settings["groups"] = layer.groups
    return [Leaf(path, f"conv{space}d", layer, settings, optional(kernel=kernel, bias=layer.bias))]


def depthwise(path: str, layer: Any) -> list[Leaf]:
    settings = activated(layer, {"stride": list(layer.strides), "dilation": list(layer.dilation_rate)})
    tensors = optional(kernel=layer.kernel, bias=layer.bias)
    return [Leaf(path, f"depthwise_conv{layer.rank}d", layer, settings, tensors)]


def separable(path: str, layer: Any) -> list[Leaf]:
    """Return two leaves, since this is two layers in one. The tensor between them cannot be seen."""
    settings = {"stride": list(layer.strides), "dilation": list(layer.dilation_rate)}
    first = optional(kernel=layer.depthwise_kernel)
    second = optional(kernel=layer.pointwise_kernel, bias=layer.bias)
    ones = [1] * layer.rank
    plain = activated(layer, {"stride": ones, "dilation": ones, "groups": 1})
    return [
        Leaf(f"{path}/depthwise", f"depthwise_conv{layer.rank}d", layer, settings, first, silent=True),
        Leaf(f"{path}/pointwise", f"conv{layer.rank}d", layer, plain, second),
    ]


def conv_transpose(path: str, layer: Any) -> list[Leaf]:
    """Return the kernel as it is, [*space, O, I], which is canonical."""
    settings = activated(
        layer, {"stride": list(layer.strides), "dilation": list(layer.dilation_rate), "groups": 1}
    )
    tensors = optional(kernel=layer.kernel, bias=layer.bias)
    return [Leaf(path, f"conv{layer.rank}d_transpose", layer, settings, tensors)]


def batch_norm(path: str, layer: keras.layers.BatchNormalization) -> list[Leaf]:
    tensors = optional(gamma=layer.gamma, beta=layer.beta)
    tensors |= {"moving_mean": state(layer.moving_mean), "moving_variance": state(layer.moving_variance)}
    settings = {"epsilon": layer.epsilon, "momentum": layer.momentum, "running variance": "biased"}
    if not layer.trainable:
        settings["frozen"] = True
    return [Leaf(path, "batch_norm", layer, settings, tensors, dict.fromkeys(tensors, 0))]


def layer_norm(path: str, layer: Any) -> list[Leaf]:
    tensors = optional(gamma=layer.gamma, beta=layer.beta)
    return [Leaf(path, "layer_norm", layer, {"epsilon": layer.epsilon}, tensors, dict.fromkeys(tensors, 0))]


def group_norm(path: str, layer: Any) -> list[Leaf]:
    tensors = optional(gamma=layer.gamma, beta=layer.beta)
    return [Leaf(path, "group_norm", layer, {"epsilon": layer.epsilon, "groups": layer.groups}, tensors)]


def embedding(path: str, layer: keras.layers.Embedding) -> list[Leaf]:
    settings = {"padding": 0 if layer.mask_zero else None}
    return [Leaf(path, "embedding", layer, settings, optional(embeddings=layer._embeddings))]


def prelu(path: str, layer: keras.layers.PReLU) -> list[Leaf]:
    """Return the slopes without the axes of size 1, along which units share a slope."""
    return [Leaf(path, "prelu", layer, {}, {"alpha": bound(layer.alpha, lambda one: one.squeeze())})]


def recurrent(path: str, layer: Any) -> list[Leaf]:
    kind = {"SimpleRNN": "rnn"}.get(type(layer).__name__, type(layer).__name__.lower())
    return [Leaf(path, kind, layer, recurrent_settings(layer), gates(layer))]


def recurrent_settings(layer: Any) -> dict[str, Any]:
    settings = {"biases": 1 if layer.use_bias else 0, "sequence": layer.return_sequences}
    if hasattr(layer, "reset_after"):
        settings |= {"reset after": layer.reset_after, "biases": 2 if layer.use_bias else 0}
    return settings | {"activation": layer.activation.__name__}


def gates(layer: Any) -> dict[str, Bound]:
    """Return a cell's tensors. A GRU that resets after the matrix product has two biases, [2, 3 · units]."""
    cell = layer.cell
    tensors = optional(kernel=cell.kernel, recurrent_kernel=cell.recurrent_kernel)
    if cell.bias is not None and len(cell.bias.shape) == 2:
        tensors |= {
            "bias": bound(cell.bias, lambda one: one[0]),
            "recurrent_bias": bound(cell.bias, lambda one: one[1]),
        }
    elif cell.bias is not None:
        tensors["bias"] = bound(cell.bias)
    return tensors


def bidirectional(path: str, layer: keras.layers.Bidirectional) -> list[Leaf]:
    tensors: dict[str, Bound] = {}
    for prefix, own in (("forward", layer.forward_layer), ("backward", layer.backward_layer)):
        tensors |= {f"{prefix}/{name}": one for name, one in gates(own).items()}
    inner = recurrent("", layer.forward_layer)[0]
    settings = inner.settings | {"merge": layer.merge_mode, "sequence": layer.return_sequences}
    return [Leaf(path, f"bidirectional_{inner.kind}", layer, settings, tensors)]


def attention(path: str, layer: keras.layers.MultiHeadAttention) -> list[Leaf]:
    parts = (
        ("query", layer._query_dense),
        ("key", layer._key_dense),
        ("value", layer._value_dense),
        ("output", layer._output_dense),
    )
    tensors: dict[str, Bound] = {}
    for name, part in parts:
        own = optional(kernel=part.kernel, bias=part.bias)
        tensors |= {f"{name}/{variable}": one for variable, one in own.items()}
    settings = {"heads": layer.num_heads, "key size": layer.key_dim, "dropout": layer.dropout}
    return [Leaf(path, "multi_head_attention", layer, settings, tensors)]


layers = keras.layers
BASE_CONV = layers.Conv2D.__mro__[1]
BASE_DEPTHWISE = layers.DepthwiseConv2D.__mro__[1]
BASE_SEPARABLE = layers.SeparableConv2D.__mro__[1]
BASE_TRANSPOSE = layers.Conv2DTranspose.__mro__[1]

MAKERS: dict[type, Callable[[str, Any], list[Leaf]]] = {
    layers.Dense: dense,
    BASE_TRANSPOSE: conv_transpose,
    BASE_CONV: conv,
    BASE_DEPTHWISE: depthwise,
    BASE_SEPARABLE: separable,
    layers.BatchNormalization: batch_norm,
    layers.LayerNormalization: layer_norm,
    layers.GroupNormalization: group_norm,
    layers.Embedding: embedding,
    layers.PReLU: prelu,
    layers.LSTM: recurrent,
    layers.GRU: recurrent,
    layers.SimpleRNN: recurrent,
    layers.Bidirectional: bidirectional,
    layers.MultiHeadAttention: attention,
}
