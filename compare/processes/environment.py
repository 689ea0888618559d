"""The environment variables of a worker: what could favour one side is removed, then set for both alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from compare.variables import KEPT_XLA_FLAG, is_removed

Allocator = Literal["stable", "system"]

# glibc gives a freed buffer that it took by mmap (128 KiB or more at first, a moving threshold) back to the
# kernel at once, and the next step pays for every page of it again: thousands of page faults a step in torch,
# not the same number in every launch. Kept, the memory is paid for once. So nothing is taken by mmap, and the
# heap's top is not given back. A raised threshold is not enough: 32 MiB is the most that glibc accepts, and
# at batch 512, or 256 in float64, buffers are larger. And the heap asks for huge pages: which small pages the
# kernel happens to give decides which buffers push each other out of the cache, so launches of the same code
# differed in speed. A glibc before 2.35 does not know the name and passes over it.
STABLE_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def worker_environment(
    inherited: Mapping[str, str], *, device: str, threads: int, allocator: Allocator
) -> dict[str, str]:
    """Return the environment to start any worker with, the same for both frameworks."""
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
        "KERAS_HOME": os.devnull,  # no keras.json is read from the user's home, and none is written there
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",  # no accelerator's plug-in is imported that was not asked for
        "LC_ALL": "C.UTF-8",
    }
    if allocator == "stable":
        environment |= STABLE_ALLOCATOR
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "-1"  # a CPU run takes no memory on a card
    else:
        environment |= one_card(inherited)
    return environment


def kept_xla_flags(inherited: Mapping[str, str]) -> dict[str, str]:
    """XLA_FLAGS with what says where CUDA lies, and nothing else."""
    found = KEPT_XLA_FLAG.findall(inherited.get("XLA_FLAGS", ""))
    return {"XLA_FLAGS": " ".join(found)} if found else {}


def one_card(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the first card that the user leaves visible, numbered as nvidia-smi does.

    The step uses one. TensorFlow would take a context on every other, and CUDA's own numbering, the fastest
    first, is neither nvidia-smi's nor NVML's.
    """
    visible = inherited.get("CUDA_VISIBLE_DEVICES", "0")
    return {"CUDA_VISIBLE_DEVICES": visible.partition(",")[0].strip(), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
