"""Makes TensorFlow keep Python floats and resizes exact in float64. Only proofs use it, never a timed run.

`tf.cast(0.999, tf.float64)` and `tf.convert_to_tensor(0.999)` round to float32 first, and every rate schedule
uses them. So Keras's betas, momentum, decay, epsilon and rates are off by 1e-8 to 1e-5 in float64.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops import math_ops

DESCRIPTION = (
    "floatx is float64; tf.cast, tf.convert_to_tensor and tf.nn.leaky_relu take Python floats exactly; "
    "tf.image.resize is bilinear in float64"
)


def make_floats_exact() -> str:
    """Change this process; call it before a model is built. Return a description of the changes."""
    keras.config.set_floatx("float64")
    if not hasattr(tf.cast, "inexact"):
        tf.cast = math_ops.cast = exact_cast(tf.cast)  # TensorFlow's gelu uses the one in math_ops
        tf.convert_to_tensor = exact_conversion(tf.convert_to_tensor)
        tf.nn.leaky_relu = leaky_relu
        tf.image.resize = exact_resize(tf.image.resize)
    return DESCRIPTION


def exact_cast(inexact: Any) -> Any:
    def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
        wide = keras.config.floatx() == "float64" and tf.as_dtype(dtype).base_dtype == tf.float64
        return tf.constant(x, dtype, name=name) if wide and is_float(x) else inexact(x, dtype, name)

    cast.inexact = inexact  # type: ignore[attr-defined]
    return cast


def exact_conversion(inexact: Any) -> Any:
    def convert_to_tensor(value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        wide = keras.config.floatx() == "float64" and dtype is None and is_float(value)
        exact = tf.float64 if wide else dtype
        return inexact(value, exact, *args, **kwargs)

    return convert_to_tensor


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """Compute tf.nn.leaky_relu with an exact slope. TensorFlow's slope is a float32 for every input dtype."""
    return tf.where(features > 0, features, features * alpha)


def exact_resize(inexact: Any) -> Any:
    """Stand in for the bilinear one, which computes in float32 whatever its input."""

    def resize(images: Any, size: Any, method: Any = "bilinear", *args: Any, **options: Any) -> Any:
        plain = method == "bilinear" and not any(args) and not any(options.values())
        sizes = images.shape[-3:-1]
        if not plain or images.dtype != tf.float64 or None in sizes:
            return inexact(images, size, method, *args, **options)
        rows, columns = (bilinear(have, int(want)) for have, want in zip(sizes, size, strict=True))
        return tf.einsum("ai,bj,...ijc->...abc", rows, columns, images)

    return resize


def bilinear(have: int, want: int) -> np.ndarray:
    """Return [want, have]: what share of each place is in each new one, places being squares."""
    middles = (np.arange(want) + 0.5) * have / want - 0.5
    below = np.floor(middles)
    table = np.zeros((want, have))
    for places, share in ((below, 1 - (middles - below)), (below + 1, middles - below)):
        np.add.at(table, (np.arange(want), places.clip(0, have - 1).astype(int)), share)
    return table


def is_float(value: Any) -> bool:
    """Return whether this is a Python float, or a list with one. NumPy's values carry their own dtype."""
    if isinstance(value, list | tuple):
        return any(is_float(one) for one in value)
    return type(value) is float
