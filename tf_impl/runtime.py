"""TensorFlow's process-wide settings: set before first use, then read back. See torch_impl/runtime.py."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def unavailable(device: str) -> str | None:
    """Why `device` cannot be used, or None when it can."""
    if device == "cpu":
        return None
    if not tf.test.is_built_with_cuda():
        return f"this TensorFlow {tf.__version__} is built without CUDA"
    if not tf.config.list_physical_devices("GPU"):
        return f"TensorFlow {tf.__version__} (CUDA {built_for_cuda()}) sees no GPU"
    return None


def built_for_cuda() -> str | None:
    version = tf.sysconfig.get_build_info().get("cuda_version")
    return str(version) if version else None


def configure(*, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
    """Sets what must be equal in both frameworks. Before any other use of TensorFlow.

    Denormals need no setting: TensorFlow always flushes them to zero on the CPU.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.set_soft_device_placement(False)  # otherwise /GPU:0 runs silently on the CPU
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if device == "cuda":
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)  # otherwise it takes the whole card


def describe(device: str) -> dict[str, Any]:
    """What is in force, read back from TensorFlow."""
    return {
        "versions": {
            "tensorflow": str(tf.__version__),
            "keras": keras.__version__,
            "numpy": np.__version__,
            "built_for_cuda": built_for_cuda(),
        },
        "device_name": gpu_name() if device == "cuda" else None,
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "deterministic": op_determinism(),
        "flush_denormals": flushes_denormals(device),
    }


def gpu_name() -> str:
    gpu = tf.config.list_physical_devices("GPU")[0]
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))


def op_determinism() -> bool:
    from tensorflow.python.framework import config  # the public API can set it but not read it

    return bool(config.is_op_determinism_enabled())


def flushes_denormals(device: str) -> bool:
    """Whether a float32 product below the smallest normal number comes out as zero."""
    with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
        tiny = tf.constant(np.full(4096, 1e-30, np.float32)) * tf.constant(np.float32(1e-10))
    return bool(np.all(tiny.numpy() == 0))


def peak_device_bytes(device: str) -> int | None:
    """TensorFlow's own peak allocation on the card; None on the CPU, where it keeps no count."""
    if device == "cpu":
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def matmul_seconds(*, device: str, dtype: str, size: int, repeats: int) -> list[float]:
    """Seconds of each of `repeats` products of two [size, size] matrices, after one that is not counted."""
    with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
        matrix = tf.random.uniform((size, size), dtype=tf.as_dtype(dtype))
        seconds = []
        for _ in range(repeats + 1):
            tf.test.experimental.sync_devices()
            start = time.perf_counter()
            tf.linalg.matmul(matrix, matrix)
            tf.test.experimental.sync_devices()
            seconds.append(time.perf_counter() - start)
    return seconds[1:]
