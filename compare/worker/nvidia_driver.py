"""Asks the NVIDIA driver about itself, before a framework is used. Runs in the child process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIBRARY = "libcuda.so.1"  # part of the driver, not of the CUDA toolkit


@dataclass(frozen=True)
class Driver:
    """`cuda` is the newest CUDA that the driver runs; `status` is what `cuInit` returned, 0 for success."""

    present: bool
    cuda: tuple[int, int] | None = None
    status: int | None = None
    devices: int | None = None  # how many cards CUDA_VISIBLE_DEVICES leaves visible


def read(load: Callable[[str], Any] = ctypes.CDLL) -> Driver:
    """Start the driver and read its state. This makes no context and takes no memory on a card."""
    try:
        library = load(LIBRARY)
    except OSError:
        return Driver(present=False)
    status = int(library.cuInit(0))
    devices = number(library.cuDeviceGetCount) if status == 0 else None
    version = number(library.cuDriverGetVersion)  # 12040 is CUDA 12.4
    cuda = (version // 1000, version % 1000 // 10) if version else None
    return Driver(present=True, cuda=cuda, status=status, devices=devices)


def number(function: Any) -> int | None:
    """Return the int that a function of the driver writes through its pointer; None if the function fails."""
    value = ctypes.c_int()
    return value.value if function(ctypes.byref(value)) == 0 else None
