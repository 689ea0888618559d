"""No file of others becomes code: each loader has its safety on. ruff's S rules see to pickles and shells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [path for name in ("compare", "tf_impl", "torch_impl") for path in (ROOT / name).rglob("*.py")]

# A loader, and the option that keeps it from running what it loads.
SAFE = {
    r"torch\.load": ("weights_only", "True"),
    r"(np|numpy)\.load": ("allow_pickle", "False"),
    r"(.+\.)?load_model": ("safe_mode", "True"),
}
MAKES_CODE = re.compile(r"compile|__import__|(.+\.)?exec_module")


def unsafe_calls(source: str) -> Iterator[str]:
    """Yield the name of each function that is called in a way that could run foreign code."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        unsafe = [
            option
            for loader, (option, safe) in SAFE.items()
            if re.fullmatch(loader, name) and given.get(option) != safe
        ]
        if unsafe or MAKES_CODE.fullmatch(name):
            yield name


def test_no_source_makes_code_of_foreign_bytes() -> None:
    """Only a worker's own packages are executed, and the file that a user named."""
    found = {path.relative_to(ROOT).as_posix(): [*unsafe_calls(path.read_text("utf-8"))] for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {
        "compare/own_code.py": ["loader.exec_module"],
        "compare/worker/bootstrap.py": ["spec.loader.exec_module"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "compile('1')",
        "np.load(path, allow_pickle=True)", "keras.models.load_model(path)", "load_model(path)",
        "keras.models.load_model(path, safe_mode=False)", "spec.loader.exec_module(module)",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_looks_for(line: str) -> None:
    """Each of these is a finding."""
    assert list(unsafe_calls(line))


@pytest.mark.parametrize(
    "line", ["torch.load(path, weights_only=True)", "re.compile('x')", "model.compile()"]
)
def test_the_scan_lets_the_rest_pass(line: str) -> None:
    """Safe loaders, and names that only look alike."""
    assert not list(unsafe_calls(line))
