"""The parent imports neither framework, and neither implementation pulls in the other's."""

import ast
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


def test_help_loads_no_heavy_library() -> None:
    """`--help` answers at once because nothing slow is imported for it."""
    code = (
        "from compare.run import parse_config\n"
        "try:\n    parse_config(['--help'])\n"
        "except SystemExit as ended:\n    assert ended.code == 0\n"
    )
    loaded = modules_after(code)
    assert not loaded & {*FRAMEWORKS, "scipy", "altair", "pandas", "vl_convert", "jinja2", "rich", "numpy"}


@pytest.mark.parametrize(("package", "own"), [("tf_impl", "tensorflow"), ("torch_impl", "torch")])
def test_an_implementation_names_only_its_own_framework(package: str, own: str) -> None:
    """tf_impl never imports torch or the harness, nor torch_impl TensorFlow or the harness."""
    forbidden = {*FRAMEWORKS, "compare", "tf_impl", "torch_impl"} - {own, package}
    if own == "tensorflow":
        forbidden -= {"keras"}
    for path in (ROOT / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & forbidden, path
