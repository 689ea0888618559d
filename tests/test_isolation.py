"""The parent imports neither framework. What an implementation may import stands in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRAMEWORKS = ("tensorflow", "keras", "torch", "torchvision")


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter after running `code`."""
    program = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n")[-2].split())


def parent_modules() -> list[str]:
    """Every module of `compare` but the trainers of traps and calibration, which workers load."""
    names = []
    for path in sorted((ROOT / "compare").rglob("*.py")):
        if path.name.endswith("_mistakes.py") or path.name.startswith("slowed_"):
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def test_the_parent_imports_neither_framework() -> None:
    """Importing all of `compare` leaves no framework in sys.modules."""
    code = "".join(f"import {name}\n" for name in parent_modules() if not name.endswith("__main__"))
    assert not modules_after(code) & set(FRAMEWORKS)


@pytest.mark.parametrize("name", ["run", "parity", "report", "convert", "calibrate"])
def test_help_loads_no_heavy_library(name: str) -> None:
    """`--help` answers at once because nothing slow is imported for it."""
    code = (
        f"from compare.{name} import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as ended:\n    assert ended.code == 0\n"
    )
    loaded = modules_after(code)
    assert not loaded & {*FRAMEWORKS, "scipy", "altair", "pandas", "vl_convert", "jinja2", "rich", "numpy"}
