"""Variables of the user's shell that a worker does not get. Standard library only.

They change speed, numerics, the code that is imported, or how processes find each other: inherited, they
would favour one side. What they are for is an option, or is the same for both sides.
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
REMOVED_SUFFIX = "_PROXY"  # gRPC follows it, loopback or not; the lower case counts too

KEPT = ("TRITON_LIBCUDA_PATH",)  # where the driver lies on systems that hide it, such as NixOS
KEPT_XLA_FLAG = re.compile(r"--xla_gpu_cuda_data_dir=\S+")  # of XLA_FLAGS: where CUDA's own files lie

NAME = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bPYTHON[A-Z]+\b")


def is_removed(name: str) -> bool:
    """Whether a worker is started without this variable of the shell."""
    if name in KEPT:
        return False
    return name.startswith(REMOVED_PREFIXES) or name in REMOVED_NAMES or name.upper().endswith(REMOVED_SUFFIX)


def names_removed(text: str) -> list[str]:
    """Return the removed variables that a text names: advice to set one of them is void."""
    return [name for name in dict.fromkeys(NAME.findall(text)) if is_removed(name)]
