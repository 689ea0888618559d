"""Makes TensorFlow keep Python floats exact in float64. Only proofs use it, never a run that is timed.

`tf.cast(0.999, tf.float64)` and `tf.convert_to_tensor(0.999)` round to float32 first, and every rate schedule
uses them. So Keras's betas, momentum, decay, epsilon and rates are off by 1e-8 to 1e-5 in float64.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops import math_ops

DESCRIPTION = (
    "floatx is float64; tf.cast, tf.convert_to_tensor and tf.nn.leaky_relu take Python floats exactly"
)


def make_floats_exact() -> str:
    """Change this process; call it before a model is built. Return a description of the changes."""
    keras.config.set_floatx("float64")
    if not hasattr(tf.cast, "inexact"):
        tf.cast = math_ops.cast = exact_cast(tf.cast)  # TensorFlow's gelu uses the one in math_ops
        tf.convert_to_tensor = exact_conversion(tf.convert_to_tensor)
        tf.nn.leaky_relu = leaky_relu
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


def is_float(value: Any) -> bool:
    """Return whether this is a Python float, or a list with one. NumPy's values carry their own dtype."""
    if isinstance(value, list | tuple):
        return any(is_float(one) for one in value)
    return type(value) is float
