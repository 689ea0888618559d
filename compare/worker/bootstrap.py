"""The first file that a worker runs: makes this project's packages importable, and no other packages.

Standard library only. A worker may run under another interpreter than the parent, so the folder that holds
`compare` must not join its path. If the project is installed, that folder is the parent's site-packages, and
its NumPy or framework would replace the worker's own.
"""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS = ("numpy", "msgspec", "safetensors")  # in addition to the framework
LACKING = 78  # exit status if one is missing; sysexits.h, EX_CONFIG


def expose(name: str) -> None:
    """Import the top-level package or module `name` from ROOT."""
    package = ROOT / name
    is_package = package.is_dir()
    spec = importlib.util.spec_from_file_location(
        name,
        package / "__init__.py" if is_package else ROOT / f"{name}.py",
        submodule_search_locations=[str(package)] if is_package else None,
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is not in {ROOT}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def check_needs() -> None:
    """Exit with LACKING, and a line for the log, if the interpreter lacks what every worker needs."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        install = f"{shlex.quote(sys.executable)} -m pip install {' '.join(missing)}"
        print(f"its interpreter lacks {', '.join(missing)}. Install what is missing: {install}", flush=True)
        sys.exit(LACKING)


def main() -> None:
    check_needs()
    framework, read_fd, write_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for name in ("lenet_spec", "compare", f"{framework}_impl"):
        expose(name)
    from compare.worker.serve import serve

    serve(read_fd, write_fd)


if __name__ == "__main__":
    main()
