"""Finds a torch model's layers and their tensors in canonical names and layouts. See tf_impl/kinds.py.

Every layer becomes one leaf or, if it is several layers in one, one leaf for each of them. An index maps each
canonical tensor to its places in the model's own variables: canonical = flat[index].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn


@dataclass
class Bound:
    """A canonical tensor: the sum of `variables`, the model's own (an LSTM of torch has two biases)."""

    variables: tuple[Any, ...]
    index: np.ndarray  # has the canonical shape; holds places in the flattened variable
    state: bool = False  # running statistics, which forward passes update, not the optimizer


@dataclass
class Leaf:
    """A layer by its path, with kind, settings and tensors. `layer`: the module whose calls are recorded."""

    path: str
    kind: str
    layer: Any
    settings: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Bound] = field(default_factory=dict)
    channel_axes: dict[str, int] = field(default_factory=dict)  # axes that follow the input's last axis
    layout: str = "tagged"  # "channels_first" and "time_first" follow from the layer's kind
    silent: bool = False  # its output is not compared, because it is hidden or belongs to inner layers
    before: list[str] = field(default_factory=list)  # the functions called since the previous layer, in words


WHOLE = "self"  # the path of the model itself, as it names itself in its own code


def leaves(model: nn.Module) -> list[Leaf]:
    """Every layer of the model, in order of definition; first the model itself, if it holds parameters."""
    found: list[Leaf] = []
    whole: list[str] = []  # paths of layers that include their children
    for name, module in model.named_modules():
        path = name or WHOLE
        if WHOLE in whole or any(path.startswith(f"{prefix}.") for prefix in whole):
            continue
        make = next((MAKERS[one] for one in type(module).__mro__ if one in MAKERS), None)
        if make is not None:
            found += make(path, module)
            whole.append(path)
        elif not list(module.children()) or list(module.parameters(recurse=False)):
            found += raw(path, module)
    return found


def bound(variable: Any, view: Callable[[np.ndarray], np.ndarray] = lambda one: one) -> Bound:
    places = np.arange(variable.numel()).reshape(tuple(variable.shape))
    return Bound((variable,), view(places))


def state(variable: Any) -> Bound:
    return Bound((variable,), np.arange(variable.numel()).reshape(tuple(variable.shape)), state=True)


def optional(**tensors: Any) -> dict[str, Bound]:
    return {name: bound(variable) for name, variable in tensors.items() if variable is not None}


def raw(path: str, module: nn.Module) -> list[Leaf]:
    """Return the leaf of a layer of unknown kind, with its tensors unchanged."""
    tensors = {name: bound(variable) for name, variable in module.named_parameters(recurse=False)}
    tensors |= {
        name: state(variable)
        for name, variable in module.named_buffers(recurse=False)
        if variable.is_floating_point() and name in module.state_dict()
    }
    settings = {name: getattr(module, name) for name in SETTINGS if plain(getattr(module, name, None))}
    inside = any(True for _ in module.children())
    return [Leaf(path, type(module).__name__, module, settings, tensors, silent=inside)]


SETTINGS = ("p", "negative_slope", "approximate", "alpha", "min_val", "max_val", "kernel_size", "stride",
            "padding", "ceil_mode", "count_include_pad", "dim", "mode", "align_corners")  # fmt: skip


def plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) or (
        isinstance(value, tuple) and all(isinstance(one, int) for one in value)
    )


def dense(path: str, module: nn.Linear) -> list[Leaf]:
    tensors = {"kernel": bound(module.weight, np.transpose), **optional(bias=module.bias)}
    return [Leaf(path, "dense", module, {}, tensors, {"kernel": 0})]


def conv(path: str, module: Any) -> list[Leaf]:
    """Turn the kernel [O, I, *space] into [*space, I, O]; if each channel is a group, into [*space, C, M]."""
    space = len(module.kernel_size)
    settings = {
        "stride": list(module.stride),
        "dilation": list(module.dilation),
        "padding": pads(module),
    }
    tensors = optional(bias=module.bias)
    if module.groups == module.in_channels and module.groups > 1:
        channels, multiplier = module.in_channels, module.out_channels // module.in_channels

        def depthwise(one: np.ndarray) -> np.ndarray:
            split = one.reshape(channels, multiplier, *module.kernel_size)
            return np.moveaxis(split, (0, 1), (-2, -1))

        kind, tensors = (
            f"depthwise_conv{space}d",
            {"kernel": bound(module.weight, depthwise), **tensors},
        )
    else:
        kernel = bound(module.weight, lambda one: np.moveaxis(one, (1, 0), (-2, -1)))
        kind, tensors = f"conv{space}d", {"kernel": kernel, **tensors}
        settings["groups"] = module.groups
    return [Leaf(path, kind, module, settings, tensors, layout="channels_first")]


def pads(module: Any) -> list[int]:
    """Return the padding before and after each axis. torch's "same" is TensorFlow's at stride 1."""
    if module.padding == "valid":
        return [0] * 2 * len(module.kernel_size)
    if module.padding == "same":
        totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return [one for total in totals for one in (total // 2, total - total // 2)]
    return [one for pad in module.padding for one in (pad, pad)]


def conv_transpose(path: str, module: Any) -> list[Leaf]:
    """Turn the kernel [I, O, *space] into [*space, O, I]."""
    kernel = bound(module.weight, lambda one: np.moveaxis(one, (1, 0), (-2, -1)))
    settings = {
        "stride": list(module.stride),
        "dilation": list(module.dilation),
        "padding": [
            one
            for pad, less in zip(module.padding, module.output_padding, strict=True)
            for one in (pad, pad - less)
        ],
        "groups": module.groups,
    }
    kind = f"conv{len(module.kernel_size)}d_transpose"
    tensors = {"kernel": kernel, **optional(bias=module.bias)}
    return [Leaf(path, kind, module, settings, tensors, layout="channels_first")]


def batch_norm(path: str, module: Any) -> list[Leaf]:
    """Return the leaf. Its momentum is Keras's: the fraction of the old statistics that stays."""
    tensors = optional(gamma=module.weight, beta=module.bias)
    if module.running_mean is not None:
        tensors |= {"moving_mean": state(module.running_mean), "moving_variance": state(module.running_var)}
    settings = {
        "epsilon": module.eps,
        "momentum": None if module.momentum is None else 1 - module.momentum,
        "running variance": "unbiased",
    }
    return [Leaf(path, "batch_norm", module, settings, tensors, dict.fromkeys(tensors, 0), "normed")]


def layer_norm(path: str, module: nn.LayerNorm) -> list[Leaf]:
    tensors = optional(gamma=module.weight, beta=module.bias)
    axes = dict.fromkeys(tensors, 0) if len(module.normalized_shape) == 1 else {}
    settings = {"epsilon": module.eps}
    return [Leaf(path, "layer_norm", module, settings, tensors, axes)]


def group_norm(path: str, module: nn.GroupNorm) -> list[Leaf]:
    tensors = optional(gamma=module.weight, beta=module.bias)
    settings = {"epsilon": module.eps, "groups": module.num_groups}
    return [Leaf(path, "group_norm", module, settings, tensors, layout="normed")]


def embedding(path: str, module: nn.Embedding) -> list[Leaf]:
    settings = {"padding": module.padding_idx}
    return [Leaf(path, "embedding", module, settings, {"embeddings": bound(module.weight)})]


def prelu(path: str, module: nn.PReLU) -> list[Leaf]:
    return [Leaf(path, "prelu", module, {}, {"alpha": bound(module.weight)}, layout="normed")]


def recurrent(path: str, module: Any) -> list[Leaf]:
    """Return one leaf for each layer of a stack, with both directions. Only the last output can be seen."""
    found = []
    for layer in range(module.num_layers):
        tensors: dict[str, Bound] = {}
        for suffix, prefix in (("", "forward/"), ("_reverse", "backward/"))[: 1 + module.bidirectional]:
            names = [f"{part}_l{layer}{suffix}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            own = gates(module, *(getattr(module, name, None) for name in names))
            tensors |= {f"{prefix if module.bidirectional else ''}{name}": one for name, one in own.items()}
        kind = f"{'bidirectional_' if module.bidirectional else ''}{type(module).__name__.lower()}"
        name = path if module.num_layers == 1 else f"{path}.l{layer}"
        settings = {"biases": 2 if module.bias else 0, "dropout": module.dropout}
        layout = "tagged" if module.batch_first else "time_first"
        silent = layer < module.num_layers - 1
        found.append(Leaf(name, kind, module, settings, tensors, layout=layout, silent=silent))
    return found


def gates(module: Any, weight: Any, recurrent: Any, bias: Any, recurrent_bias: Any) -> dict[str, Bound]:
    """Turn [gates · units, in] into Keras's [in, gates · units], and a GRU's r, z, n into Keras's z, r, h."""
    order = [1, 0, 2] if isinstance(module, nn.GRU) else [0, 1, 2, 3] if isinstance(module, nn.LSTM) else [0]

    def reordered(one: np.ndarray) -> np.ndarray:
        split = one.reshape(len(order), module.hidden_size, *one.shape[1:])[order]
        return split.reshape(one.shape).T

    tensors = {"kernel": bound(weight, reordered), "recurrent_kernel": bound(recurrent, reordered)}
    if bias is not None and isinstance(module, nn.GRU):
        own = bound(bias, reordered), bound(recurrent_bias, reordered)
        tensors |= {"bias": own[0], "recurrent_bias": own[1]}
    elif bias is not None:
        tensors["bias"] = Bound((bias, recurrent_bias), bound(bias, reordered).index)
    return tensors


def attention(path: str, module: nn.MultiheadAttention) -> list[Leaf]:
    """Split the packed [3E, E] into kernels [E, heads, E / heads] for query, key and value."""
    size, heads = module.embed_dim, module.num_heads
    tensors: dict[str, Bound] = {}
    packed = module.in_proj_weight
    apart = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    for place, name in enumerate(("query", "key", "value")):
        rows = slice(place * size, (place + 1) * size) if packed is not None else slice(None)

        def kernel(one: np.ndarray, rows: slice = rows) -> np.ndarray:
            return np.moveaxis(one[rows].reshape(heads, size // heads, -1), -1, 0)

        def bias(one: np.ndarray, place: int = place) -> np.ndarray:
            return one[place * size : (place + 1) * size].reshape(heads, size // heads)

        tensors[f"{name}/kernel"] = bound(packed if packed is not None else apart[place], kernel)
        if module.in_proj_bias is not None:
            tensors[f"{name}/bias"] = bound(module.in_proj_bias, bias)
    out = module.out_proj
    tensors["output/kernel"] = bound(out.weight, lambda one: one.T.reshape(heads, size // heads, size))
    tensors |= {f"output/{name}": one for name, one in optional(bias=out.bias).items()}
    layout = "tagged" if module.batch_first else "time_first"
    settings = {"heads": heads, "dropout": module.dropout}
    return [Leaf(path, "multi_head_attention", module, settings, tensors, layout=layout)]


MAKERS: dict[type, Callable[[str, Any], list[Leaf]]] = {
    nn.Linear: dense,
    nn.modules.conv._ConvTransposeNd: conv_transpose,
    nn.modules.conv._ConvNd: conv,
    nn.modules.batchnorm._BatchNorm: batch_norm,
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: group_norm,
    nn.Embedding: embedding,
    nn.PReLU: prelu,
    nn.RNNBase: recurrent,
    nn.MultiheadAttention: attention,
}
