"""Opens NVML, NVIDIA's library about cards, and finds the card that the workers see."""

from __future__ import annotations

import importlib
from typing import Any


def opened(nvml: Any = None) -> Any:
    """Return the module `pynvml`, ready for use, or what stands in for it.

    Raises ImportError if it is not installed, and NVML's own error if there is no driver.
    """
    library = nvml or importlib.import_module("pynvml")
    library.nvmlInit()
    return library


def handle_of(nvml: Any, visible: str) -> Any:
    """Return NVML's handle of the first card in CUDA_VISIBLE_DEVICES, which is a number or a UUID."""
    first = visible.partition(",")[0].strip()
    if first.lstrip("-").isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(first))
    return nvml.nvmlDeviceGetHandleByUUID(first)
