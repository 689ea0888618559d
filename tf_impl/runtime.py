"""Sets TensorFlow's process-wide settings before first use, and reads them. See torch_impl/runtime.py."""

from __future__ import annotations

import os
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def build() -> dict[str, Any]:
    """Return what this TensorFlow was built for; start nothing on a card."""
    info = tf.sysconfig.get_build_info()
    return {
        "framework": f"TensorFlow {tf.__version__}",
        "cuda": info.get("cuda_version") if tf.test.is_built_with_cuda() else None,
        "capabilities": list(info.get("cuda_compute_capabilities") or []),
    }


def cards() -> list[tuple[str, tuple[int, int]]]:
    """Return each card's name and compute capability; no card if TensorFlow's CUDA libraries do not load."""
    details = [
        tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")
    ]
    return [(card.get("device_name", "a card"), card.get("compute_capability", (0, 0))) for card in details]


def configure(*, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
    """Set what must be equal in both frameworks. Call this before any other use of TensorFlow.

    Denormals need no setting: TensorFlow always flushes them to zero on the CPU.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.set_soft_device_placement(False)  # otherwise /GPU:0 runs silently on the CPU
    tf.config.experimental.enable_tensor_float_32_execution(tf32)  # True by default
    os.environ["TF_CUDNN_USE_AUTOTUNE"] = "0" if deterministic else "1"  # read at the first convolution
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if device == "cuda":
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)  # otherwise it takes the whole card


def describe(device: str) -> dict[str, Any]:
    """Return the settings in force, read back from TensorFlow. On CUDA this is the first use of the card."""
    return {
        "versions": {
            "tensorflow": str(tf.__version__),
            "keras": keras.__version__,
            "numpy": np.__version__,
            "built_for_cuda": build()["cuda"],
        },
        "device_name": cards()[0][0] if device == "cuda" else None,
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "tf32_computed": tf32_computed() if device == "cuda" else None,
        # for TensorFlow's own kernels; XLA tunes what it compiles itself (tf:xla and tf:keras)
        "cudnn_autotune": os.environ.get("TF_CUDNN_USE_AUTOTUNE") == "1" if device == "cuda" else None,
        "memory_growth": grows() if device == "cuda" else None,
        "deterministic": op_determinism(),
        "flush_denormals": flushes_denormals(device),
    }


def op_determinism() -> bool:
    from tensorflow.python.framework import config  # the public API can set it but not read it

    return bool(config.is_op_determinism_enabled())


def grows() -> bool:
    """Return whether TensorFlow takes the card's memory only as it needs it."""
    return all(
        tf.config.experimental.get_memory_growth(gpu) for gpu in tf.config.list_physical_devices("GPU")
    )


def tf32_computed() -> dict[str, bool]:
    """Return whether the card rounds factors to TF32's 10 bits, so that 1 + 2**-12 becomes 1."""
    fine = np.float32(1 + 2**-12)
    with tf.device("/GPU:0"):
        matrix, ones = tf.fill((256, 256), fine), tf.ones((256, 256))
        product = tf.linalg.matmul(matrix, ones) / 256
        images, kernel = tf.fill((8, 24, 24, 32), fine), tf.ones((5, 5, 32, 64))
        convolved = tf.nn.conv2d(images, kernel, 1, "VALID") / 800
    rounded = {
        "products": bool(np.all(product.numpy() < 1 + 2**-13)),
        "convolutions": bool(np.all(convolved.numpy() < 1 + 2**-13)),
    }
    del matrix, ones, product, images, kernel, convolved
    tf.config.experimental.reset_memory_stats("GPU:0")  # so that the peak is that of the training
    return rounded


def product_and_convolution(
    left: np.ndarray, right: np.ndarray, images: np.ndarray, kernel: np.ndarray, *, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return left @ right, and images [N, H, W, C] convolved with kernel [H, W, C, F], in their own dtype."""
    with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
        product = tf.linalg.matmul(left, right)
        convolved = tf.nn.conv2d(images, kernel, 1, "VALID")
    return product.numpy(), convolved.numpy()


def flushes_denormals(device: str) -> bool:
    """Return whether a float32 product below the smallest normal number becomes zero."""
    with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
        tiny = tf.constant(np.full(4096, 1e-30, np.float32)) * tf.constant(np.float32(1e-10))
    return bool(np.all(tiny.numpy() == 0))


def peak_device_bytes(device: str) -> int | None:
    """Return TensorFlow's peak allocation on the card; None on the CPU, which TensorFlow does not count."""
    if device == "cpu":
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def matmul_seconds(*, device: str, dtype: str, size: int, repeats: int) -> list[float]:
    """Return the seconds of products of two [size, size] matrices, after one uncounted product.

    On the CPU, return the time of each of `repeats`. On a card, return their mean between two fences.
    """
    with tf.device("/GPU:0" if device == "cuda" else "/CPU:0"):
        matrix = tf.random.stateless_uniform((size, size), seed=(0, 0), dtype=tf.as_dtype(dtype))
        tf.linalg.matmul(matrix, matrix)
        tf.test.experimental.sync_devices()
        between_fences = repeats if device == "cuda" else 1
        seconds = []
        for _ in range(repeats // between_fences):
            start = time.perf_counter()
            for _ in range(between_fences):
                tf.linalg.matmul(matrix, matrix)
            tf.test.experimental.sync_devices()
            seconds.append((time.perf_counter() - start) / between_fences)
    return seconds
