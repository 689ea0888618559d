"""Writes a program of ten lines that runs the failing layer alone, and a file of arrays for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compare.protocol.task_messages import Leaf, Tensor
from compare.task.evidence import Climber

ARRAYS, PROGRAM = "failing_layer.npz", "failing_layer.py"

# By kind, an expression for each of NumPy, TensorFlow and torch. It uses x, the layer's tensors and, in
# braces, its settings. Arrays are in canonical layout, channels last.
CONV2D = (
    "np.einsum('nhwiab,abio->nhwo', windows(x, {stride}), kernel)",
    "tf.nn.conv2d(pad(x), kernel, {stride}, 'VALID')",
    "functional.conv2d(first(pad(x)), kernel.permute(3, 2, 0, 1), None, {stride})",
)
DEPTHWISE = (
    "np.einsum('nhwiab,abim->nhwim', windows(x, {stride}), kernel)",
    "tf.nn.depthwise_conv2d(pad(x), kernel, [1, *{stride}, 1], 'VALID')",
    (
        "functional.conv2d(first(pad(x)), kernel.permute(2, 3, 0, 1).flatten(0, 1)[:, None], None, {stride}, "
        "groups=kernel.shape[2])"
    ),
)
NORM = (
    "(x - moving_mean) / np.sqrt(moving_variance + {epsilon}) * gamma + beta",
    "tf.nn.batch_normalization(x, moving_mean, moving_variance, beta, gamma, {epsilon})",
    "functional.batch_norm(first(x), moving_mean, moving_variance, gamma, beta, False, 0.0, {epsilon})",
)
LAYER_NORM = (
    "(x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + {epsilon}) * gamma + beta",
    "tf.nn.batch_normalization(x, *tf.nn.moments(x, [-1], keepdims=True), beta, gamma, {epsilon})",
    "functional.layer_norm(x, x.shape[-1:], gamma, beta, {epsilon})",
)
DENSE = ("x @ kernel", "tf.matmul(x, kernel)", "x @ kernel")

EXPRESSIONS: Mapping[str, tuple[str, str, str]] = {
    "conv2d": CONV2D,
    "depthwise_conv2d": DEPTHWISE,
    "batch_norm": NORM,
    "layer_norm": LAYER_NORM,
    "dense": DENSE,
}
CHANNELS_FIRST = ("conv2d", "depthwise_conv2d", "batch_norm")

TEMPLATE = '''"""{path} alone, {kind}, fed with {reference}'s input. python {program} numpy, tf or torch."""
import sys
import numpy as np
arrays = dict(np.load("{arrays}"))
x = arrays["input"]
pads = [(0, 0), {pads}, (0, 0)]  # {side}'s
if sys.argv[1] == "numpy":
    sliding = np.lib.stride_tricks.sliding_window_view
    windows = lambda a, s: sliding(np.pad(a, pads), kernel.shape[:2], (1, 2))[:, :: s[0], :: s[1]]
    globals().update(arrays)
    y = {numpy}
elif sys.argv[1] == "tf":
    import tensorflow as tf
    pad = lambda a: tf.pad(a, pads)
    globals().update({{name: tf.constant(array) for name, array in arrays.items()}})
    x, y = tf.constant(x), None
    y = {tf}
else:
    import torch
    from torch.nn import functional
    first = lambda a: a.movedim(-1, 1) if a.ndim > 2 else a
    pad = lambda a: functional.pad(a, [one for pair in pads[::-1] for one in pair])
    globals().update({{name: torch.from_numpy(array) for name, array in arrays.items()}})
    x = torch.from_numpy(x)
    y = {torch}{back}
y = np.asarray(y).reshape(arrays["{side}_output"].shape){bias}
for side in ("tf", "torch"):
    if f"{{side}}_output" in arrays and arrays[f"{{side}}_output"].shape == y.shape:
        print(side, "differs by", np.abs(y - arrays[f"{{side}}_output"]).max())
'''


def write_reproducer(climber: Climber, directory: Path) -> str | None:
    """Write both files if the first failing tensor is a layer's output. Return the name of the file to use.

    Write the program only for rung 4a and for kinds with an expression. Otherwise write only the arrays.
    """
    failing = climber.failing
    if failing is None or failing[0].tensor.role != "output":
        return None
    tensor, evidence = failing[0].tensor, failing[1]
    pair = climber.pair(tensor.path)
    assert pair is not None
    place = climber.reference
    side = climber.sides[place].framework
    shown = Tensor("input", tensor.path, "input", tensor.call)
    arrays = {"tf_output": evidence.left[tensor], "torch_output": evidence.right[tensor]}
    arrays["input"] = (evidence.left, evidence.right)[place].get(shown, np.zeros(0))
    arrays |= {one.name: array for one, array in climber.weights.items() if one.path == tensor.path}
    named: dict[str, Any] = {name.replace("/", "_"): one for name, one in arrays.items()}
    np.savez(directory / ARRAYS, **named)
    text = program(pair[place], side)
    if text is None or failing[2] != "4a":
        return ARRAYS
    (directory / PROGRAM).write_text(text)
    return PROGRAM


def program(leaf: Leaf, side: str) -> str | None:
    """Return the program for a layer, with the settings of `side`; None for a kind without an expression."""
    expressions = EXPRESSIONS.get(leaf.kind)
    if expressions is None or leaf.settings.get("groups", 1) != 1:
        return None
    numpy, tf, torch = (one.format(**leaf.settings) for one in with_defaults(expressions, leaf))
    widths = leaf.settings.get("padding", [0, 0, 0, 0])
    return TEMPLATE.format(
        path=leaf.path,
        kind=leaf.kind,
        reference=side,
        side=side,
        program=PROGRAM,
        arrays=ARRAYS,
        pads=", ".join(str(tuple(widths[place : place + 2])) for place in range(0, len(widths), 2)),
        numpy=numpy,
        tf=tf,
        torch=torch,
        back=".movedim(1, -1)" if leaf.kind in CHANNELS_FIRST else "",
        bias=' + arrays["bias"]' if "bias" in leaf.tensors else "",
    )


def with_defaults(expressions: tuple[str, str, str], leaf: Leaf) -> list[str]:
    """Return the expressions, for a norm without the scale or shift that it lacks."""
    absent: dict[str, Any] = {"gamma": "1.0", "beta": "0.0"}
    found = list(expressions)
    for name, neutral in absent.items():
        if leaf.kind.endswith("norm") and name not in leaf.tensors:
            found = [
                one.replace(f"* {name}", f"* {neutral}").replace(f"+ {name}", f"+ {neutral}") for one in found
            ]
            found = [one.replace(f", {name}", ", None") for one in found]
    return found
