"""Which interpreter has a framework's CUDA libraries: `make cuda`'s, where it was run."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

PACKAGES = {"tf": "tensorflow", "torch": "torch"}

ROOT = Path(__file__).parents[2]


def cuda_python(framework: str) -> str:
    """Return the path of the framework's own interpreter, or of this one."""
    own = ROOT / f".venv-{framework}" / "bin" / "python"
    return str(own if own.exists() else sys.executable)


@cache
def installed(framework: str) -> bool:
    """Whether that interpreter has the framework; it is not imported."""
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({PACKAGES[framework]!r}) is None)"
    return subprocess.run([cuda_python(framework), "-c", probe], check=False).returncode == 0


def of_installed(variants: str) -> str:
    """Return those of the variants, separated by commas, whose framework is there."""
    return ",".join(name for name in variants.split(",") if installed(name.partition(":")[0]))
