"""Explains a refusal that probably comes from one of the user's variables, which workers do not get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from compare.variables import names_removed

# The caches of torch and Triton. Workers keep them in their directories for temporary files.
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
NO_PLACE_FOR_CODE = re.compile(r"failed to map segment|Permission denied|No space left|Read-only file system")


def note(reason: str, missing: Iterable[str], inherited: Mapping[str, str]) -> str:
    """Return a sentence to append to a refusal's reason, with a space before it; empty if there is none.

    missing: the packages that a worker does not find. inherited: this process's environment variables.
    """
    found = [package for package in missing if on_path(package, inherited.get("PYTHONPATH", ""))]
    if found:
        it = "it" if len(found) == 1 else "them"
        return (
            f". PYTHONPATH holds {' and '.join(found)}, but workers do not get that variable, so that both "
            f"sides run installed code: install {it} for an interpreter"
        )
    caches = [name for name in CACHES if name in inherited]
    if caches and NO_PLACE_FOR_CODE.search(reason):
        return f". Workers do not get {' and '.join(caches)}: set TMPDIR to a directory for compiled code"
    if advised := names_removed(reason):
        return f". Workers do not get {' and '.join(advised)} from the shell: setting it has no effect"
    return ""


def on_path(package: str, path: str) -> bool:
    """Return whether a directory of PYTHONPATH holds a package."""
    return any((Path(entry) / package).is_dir() for entry in path.split(":") if entry)
