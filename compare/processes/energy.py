"""Measures the energy of a block of steps, if the machine has a meter for it. Nothing is estimated.

A processor's meter is Linux's powercap (`intel-rapl`, also on AMD). It counts the microjoules of a whole
package, with all programs on it. Most systems let only root read it. A card's meter is NVML.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from compare.observation import observe
from compare.processes.nvml import handle_of, opened

POWERCAP = Path("/sys/class/powercap")
Meter = Callable[[], tuple[float, float]]  # joules so far, and the count at which it restarts at 0


def meters(device: str, powercap: Path = POWERCAP, nvml: Any = None) -> list[Meter]:
    """Return a device's meters; none if one of them cannot be read now.

    device: cpu or cuda. powercap: the directory of the kernel's counters. nvml: a substitute for `pynvml`.
    """
    found = card_meters(nvml) if device == "cuda" else package_meters(powercap)
    return found if all(observe(meter) is not None for meter in found) else []


def package_meters(powercap: Path) -> list[Meter]:
    """Return one meter for each package (`intel-rapl:0`), but none for its parts (`intel-rapl:0:0`)."""

    def meter(package: Path) -> tuple[float, float]:
        joules, whole = (
            int((package / name).read_text()) / 1e6 for name in ("energy_uj", "max_energy_range_uj")
        )
        return joules, whole

    packages = observe(lambda: sorted(powercap.glob("intel-rapl:[0-9]*"))) or []
    return [partial(meter, package) for package in packages if package.name.count(":") == 1]


def card_meters(nvml: Any = None) -> list[Meter]:
    """Return the meter of the card that workers see: the first of CUDA_VISIBLE_DEVICES."""

    def card() -> tuple[Any, Any]:
        library = opened(nvml)
        return library, handle_of(library, os.environ.get("CUDA_VISIBLE_DEVICES", "0"))

    found = observe(card)
    if found is None:
        return []
    library, handle = found
    return [lambda: (library.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3, math.inf)]


class Energy:
    """The energy that the meters count from the moment when this object is made."""

    def __init__(self, meters: list[Meter]) -> None:
        self.meters = meters
        self.start = observe(self.read)

    def read(self) -> list[tuple[float, float]]:
        return [meter() for meter in self.meters]

    def joules(self) -> float | None:
        """Return the sum of all meters' joules since the start; None without a meter."""
        end = observe(self.read)
        if not self.meters or self.start is None or end is None:
            return None
        return math.fsum(since(one, other) for one, other in zip(self.start, end, strict=True))


def since(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Return the joules between two readings, between which the counter may have restarted once."""
    counted = end[0] - start[0]
    return counted if counted >= 0 else counted + end[1]
