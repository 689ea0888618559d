"""Sets torch's process-wide settings before first use, and reads them. See tf_impl/runtime.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional


def build() -> dict[str, Any]:
    """Return what this torch was built for; start nothing on a card."""
    cuda = torch.version.cuda
    return {
        "framework": f"torch {torch.__version__}",
        "cuda": cuda,
        # torch.cuda.get_arch_list() is empty if no card can be used
        "capabilities": (torch._C._cuda_getArchFlags() or "").split() if cuda else [],  # noqa: SLF001
    }


def cards() -> list[tuple[str, tuple[int, int]]]:
    """Return each card's name and compute capability; no card if torch's CUDA libraries do not load."""
    if not torch.cuda.is_available():
        return []
    numbers = range(torch.cuda.device_count())
    return [(torch.cuda.get_device_name(n), torch.cuda.get_device_capability(n)) for n in numbers]


def configure(*, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
    """Set what must be equal in both frameworks. Call this before any other use of torch."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)
    torch.set_flush_denormal(True)  # as TensorFlow always does
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32  # True by default, unlike the line above
    torch.backends.cudnn.benchmark = not deterministic  # autotuning: off by default, but on in TensorFlow
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS raises without it
        torch.use_deterministic_algorithms(True)


def describe(device: str) -> dict[str, Any]:
    """Return the settings in force, read back from torch. On CUDA this is the first use of the card."""
    return {
        "versions": {
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "built_for_cuda": build()["cuda"],
        },
        "device_name": torch.cuda.get_device_name() if device == "cuda" else None,
        "threads": {
            "intra_op": torch.get_num_threads(),
            "inter_op": torch.get_num_interop_threads(),
        },
        "tf32": torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32,
        "tf32_computed": tf32_computed() if device == "cuda" else None,
        "cudnn_autotune": torch.backends.cudnn.benchmark if device == "cuda" else None,
        "memory_growth": True if device == "cuda" else None,  # torch's allocator always grows
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "flush_denormals": flushes_denormals(device),
    }


def tf32_computed() -> dict[str, bool]:
    """Return whether the card rounds factors to TF32's 10 bits, so that 1 + 2**-12 becomes 1."""
    fine = 1 + 2**-12
    matrix, ones = torch.full((256, 256), fine, device="cuda"), torch.ones((256, 256), device="cuda")
    product = torch.matmul(matrix, ones) / 256
    images = torch.full((8, 32, 24, 24), fine, device="cuda")
    kernel = torch.ones((64, 32, 5, 5), device="cuda")
    convolved = functional.conv2d(images, kernel) / 800
    rounded = {
        "products": bool((product < 1 + 2**-13).all().item()),
        "convolutions": bool((convolved < 1 + 2**-13).all().item()),
    }
    del matrix, ones, product, images, kernel, convolved
    torch.cuda.reset_peak_memory_stats()  # so that the peak is that of the training
    return rounded


def product_and_convolution(
    left: np.ndarray, right: np.ndarray, images: np.ndarray, kernel: np.ndarray, *, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return left @ right, and images [N, H, W, C] convolved with kernel [H, W, C, F], in their own dtype."""
    with torch.no_grad():
        product = torch.matmul(torch.from_numpy(left).to(device), torch.from_numpy(right).to(device))
        nchw = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(device)
        oihw = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).to(device)
        convolved = functional.conv2d(nchw, oihw).permute(0, 2, 3, 1)
        return product.cpu().numpy(), convolved.cpu().numpy()


def flushes_denormals(device: str) -> bool:
    """Return whether a float32 product below the smallest normal number becomes zero."""
    tiny = torch.full((4096,), 1e-30, device=device) * torch.tensor(1e-10, device=device)
    return bool((tiny == 0).all().item())


def peak_device_bytes(device: str) -> int | None:
    """Return torch's peak allocation on the card; None on the CPU, which torch does not count."""
    if device == "cpu":
        return None
    return int(torch.cuda.max_memory_allocated())


def matmul_seconds(*, device: str, dtype: str, size: int, repeats: int) -> list[float]:
    """Return the seconds of products of two [size, size] matrices, after one uncounted product.

    On the CPU, return the time of each of `repeats`. On a card, return their mean between two fences. Use the
    faster of torch's libraries. `torch.matmul` uses MKL, which leaves AVX-512 unused on AMD processors.
    Convolution, and a dense layer with a oneDNN tensor, use oneDNN, which uses AVX-512.
    """
    matrix = torch.rand((size, size), dtype=getattr(torch, dtype), device=device)
    measured = [product_seconds(lambda: torch.matmul(matrix, matrix), device, repeats)]
    if device == "cpu" and dtype == "float32" and torch.backends.mkldnn.is_available():
        opaque = matrix.to_mkldnn()
        measured.append(product_seconds(lambda: functional.linear(opaque, matrix), device, repeats))
    return min(measured, key=min)


def product_seconds(product: Callable[[], torch.Tensor], device: str, repeats: int) -> list[float]:
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
    product()
    wait()
    between_fences = repeats if device == "cuda" else 1
    seconds = []
    for _ in range(repeats // between_fences):
        start = time.perf_counter()
        for _ in range(between_fences):
            product()
        wait()
        seconds.append((time.perf_counter() - start) / between_fences)
    return seconds
