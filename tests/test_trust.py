"""Nothing that others wrote is executed: the source has no way to, and says so in SECURITY.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("compare", "tf_impl", "torch_impl")
SOURCES = [
    ROOT / "lenet_spec.py",
    *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")),
]

UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
EVALUATING = {"eval", "exec", "compile", "__import__"}
SHELLS = {"system", "popen"}
# Who may execute a module's code: a worker's own packages, and the file that a user named.
EXECUTES_MODULES = {"compare/worker/bootstrap.py", "compare/worker/frameworks.py"}


def findings(source: str) -> Iterator[str]:
    """Each place in a source where foreign bytes could become code, as `line: what`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
            yield from (f"{node.lineno}: import {name}" for name in names if name in UNPICKLING - {"pickle"})
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNPICKLING:
            yield f"{node.lineno}: from {node.module}"
        if (
            isinstance(node, ast.Attribute)
            and named(node.value) == "pickle"
            and node.attr != "UnpicklingError"
        ):
            yield f"{node.lineno}: pickle.{node.attr}"
        if isinstance(node, ast.Call):
            yield from unsafe_call(node)


def unsafe_call(node: ast.Call) -> Iterator[str]:
    """Yield what is unsafe about a call."""
    name, options = named(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
    last = name.rpartition(".")[2]
    if name in EVALUATING:
        yield f"{node.lineno}: {name}()"
    if last == "exec_module":
        yield f"{node.lineno}: exec_module"
    if name == "torch.load" and not is_constant(options.get("weights_only"), value=True):
        yield f"{node.lineno}: torch.load without weights_only=True"
    if name in ("np.load", "numpy.load") and not is_constant(options.get("allow_pickle"), value=False):
        yield f"{node.lineno}: np.load without allow_pickle=False"
    if last == "load_model" and not is_constant(options.get("safe_mode"), value=True):
        yield f"{node.lineno}: load_model without safe_mode=True"
    if name.startswith("yaml.") or (name.startswith("os.") and last in SHELLS):
        yield f"{node.lineno}: {name}()"
    if "shell" in options:
        yield f"{node.lineno}: shell="
    if last == "Environment" and not is_constant(options.get("autoescape"), value=True):
        yield f"{node.lineno}: a template environment without autoescape=True"


def named(node: ast.AST) -> str:
    """`a.b.c` of a name or an attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{named(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def is_constant(node: ast.AST | None, *, value: bool) -> bool:
    """Return whether a node is this constant."""
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_makes_code_of_foreign_bytes(path: Path) -> None:
    """No pickle, no eval, no shell, no loader with its safety off."""
    found = list(findings(path.read_text(encoding="utf-8")))
    if path.relative_to(ROOT).as_posix() in EXECUTES_MODULES:
        found = [one for one in found if not one.endswith(": exec_module")]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "import dill", "from pickle import loads", "import pickle; pickle.loads(b'')", "eval('1')",
        "exec('x')",
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "os.system('ls')",
        "np.load(path, allow_pickle=True)", "keras.models.load_model(path)", "yaml.load(text)",
        "subprocess.run('ls', shell=True)", "spec.loader.exec_module(module)", "jinja2.Environment()",
        "keras.models.load_model(path, safe_mode=False)",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_looks_for(line: str) -> None:
    """Each of these is a finding."""
    assert list(findings(line))


@pytest.mark.parametrize(
    "line", ["pickle.UnpicklingError", "model.eval()", "re.compile('x')", "model.compile('adam')"]
)
def test_the_scan_lets_the_rest_pass(line: str) -> None:
    """Names that only look alike."""
    assert not list(findings(line))
