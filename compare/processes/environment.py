"""Makes a worker's environment variables: removes what could favour one side, and sets the same for both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from compare.variables import KEPT_XLA_FLAG, is_removed

Allocator = Literal["stable", "system"]

# glibc allocates large buffers by mmap (at first from 128 KiB; the threshold moves) and returns freed ones to
# the kernel at once. The next step then faults in every page again: in torch thousands of page faults in each
# step, and not the same number in every launch. So here glibc never uses mmap, and never returns the top of
# the heap. A higher threshold is not enough: glibc accepts at most 32 MiB, and buffers are larger at batch
# 512, or at 256 in float64. The heap also asks for huge pages. With small pages, the kernel's choice of pages
# decides which buffers evict each other from the cache, so launches of the same code differed in speed.
# glibc before 2.35 ignores that setting.
STABLE_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def worker_environment(
    inherited: Mapping[str, str], *, device: str, threads: int, allocator: Allocator, rank: int = 0
) -> dict[str, str]:
    """Return the environment to start any worker with, the same for both frameworks.

    rank: each of a group has a card of its own.
    """
    environment = {name: value for name, value in inherited.items() if not is_removed(name)}
    environment |= kept_xla_flags(inherited)
    count = str(threads)
    environment |= {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": os.devnull,  # Keras reads and writes no keras.json in the user's home
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",  # torch imports no accelerator plug-ins
        "LC_ALL": "C.UTF-8",
    }
    if allocator == "stable":
        environment |= STABLE_ALLOCATOR
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"  # a CPU run takes no memory on a card
    else:
        environment |= one_card(inherited, rank)
    return environment


def kept_xla_flags(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return XLA_FLAGS with only the directory of CUDA, if the user set it."""
    found = KEPT_XLA_FLAG.findall(inherited.get("XLA_FLAGS", ""))
    return {"XLA_FLAGS": " ".join(found)} if found else {}


def one_card(inherited: Mapping[str, str], place: int = 0) -> dict[str, str]:
    """Return the variables that select one visible card, in nvidia-smi's numbering. place: counts from 0.

    A step uses one card. TensorFlow would make a context on every other card too. CUDA's own numbering puts
    the fastest card first, unlike nvidia-smi and NVML.
    """
    visible = inherited.get("CUDA_VISIBLE_DEVICES")
    card = str(place) if visible is None else ",".join(visible.split(",")[place : place + 1]).strip()
    return {"CUDA_VISIBLE_DEVICES": card, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
