"""Stands in for the NVIDIA driver: `libcuda.so.1` as scenario.json describes it, or none."""

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace

DRIVER = json.loads((Path(__file__).parent / "scenario.json").read_text())["driver"]
real_load = ctypes.CDLL


def written(value):
    """Return a driver function that writes `value` where its argument points."""

    def function(reference) -> int:
        reference._obj.value = value
        return 0

    return function


def load(name, *arguments, **options):
    if name != "libcuda.so.1":
        return real_load(name, *arguments, **options)
    if DRIVER is None:
        raise OSError("libcuda.so.1: cannot open shared object file: No such file or directory")
    return SimpleNamespace(
        cuInit=lambda flags: DRIVER["status"],
        cuDeviceGetCount=written(DRIVER["devices"]),
        cuDriverGetVersion=written(DRIVER["version"]),
    )


ctypes.CDLL = load
