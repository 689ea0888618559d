"""Lists the shell variables that workers do not inherit. Standard library only.

These variables change speed, numerics, the imported code, or how processes find each other. If they were
inherited, they would favour one side. Options replace them, or both sides get the same setting.
"""

from __future__ import annotations

import re

REMOVED_PREFIXES = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_", "DNNL_", "ONEDNN_",
    "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "LD_AUDIT", "TF_", "TF2_", "XLA_", "KERAS_", "TORCH",
    "PYTORCH_", "ATEN_", "AOT_", "PYTHON", "GOTO_", "NPY_", "TRITON_",
    "CUBLAS", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING",
    "CUDA_FORCE_PTX_JIT", "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_CACHE_DISABLE",
    "NCCL_", "GLOO_", "GRPC_", "RAY_", "MASTER_",
)  # fmt: skip
REMOVED_NAMES = ("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
REMOVED_SUFFIX = "_PROXY"  # gRPC uses these even for loopback connections; lower-case names count too

KEPT = ("TRITON_LIBCUDA_PATH",)  # the driver's directory on systems that hide it, such as NixOS
KEPT_XLA_FLAG = re.compile(r"--xla_gpu_cuda_data_dir=\S+")  # in XLA_FLAGS: CUDA's own directory

NAME = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bPYTHON[A-Z]+\b")


def is_removed(name: str) -> bool:
    """Return whether a worker is started without this shell variable."""
    if name in KEPT:
        return False
    return name.startswith(REMOVED_PREFIXES) or name in REMOVED_NAMES or name.upper().endswith(REMOVED_SUFFIX)


def names_removed(text: str) -> list[str]:
    """Return the removed variables that a text names: advice to set one of them has no effect."""
    return [name for name in dict.fromkeys(NAME.findall(text)) if is_removed(name)]
