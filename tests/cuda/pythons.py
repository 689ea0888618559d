"""Which interpreter has a framework's CUDA libraries: `make cuda`'s, where it was run."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cuda_python(framework: str) -> str:
    """Return the path of the framework's own interpreter, or of this one."""
    own = ROOT / f".venv-{framework}" / "bin" / "python"
    return str(own if own.exists() else sys.executable)
