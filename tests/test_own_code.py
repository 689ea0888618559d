"""A user's own file: its name hides nothing and decides nothing, and what its import does is said of it."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from compare.errors import UserError
from compare.own_code import import_file, is_path, place

ROOT = Path(__file__).resolve().parents[1]
NAMES = [
    "copy",
    "random",
    "types",
    "torch",
    "numpy",
    "pandas",
    "triton",
    "compare",
    "lenet_spec",
    "my.port",
    "a-b",
]
# After the import of argv[1], what its names would hide is looked for as a framework does.
AFTERWARDS = """
import importlib.util, sys
from pathlib import Path
from compare.own_code import import_file
name = Path(sys.argv[1]).stem
before = importlib.util.find_spec(name) if name.isidentifier() else None
module = import_file(Path(sys.argv[1]))
assert module.Trainer.where == "port"
after = importlib.util.find_spec(name) if name.isidentifier() else None
assert (before and before.origin) == (after and after.origin), (before, after)
assert sys.modules.get(name) is not module
assert not any(Path(sys.argv[1]).parent == Path(entry) for entry in sys.path)
"""
PORT = "class Trainer:\n    where = 'port'\n"


def write(directory: Path, files: dict[str, str]) -> Path:
    """Write files by relative path, and return the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_a_change_within_the_same_second_counts(tmp_path: Path) -> None:
    """Python's cache knows a file by its size and the second of its change. Nothing is left in the folder."""
    path = write(tmp_path, {"port.py": "import beside\nvalue = 1\n", "beside.py": ""}) / "port.py"
    for _ in range(2):  # the second import would read the cache of the first
        assert import_file(path).value == 1
    path.with_name("__pycache__").mkdir(exist_ok=True)
    py_compile.compile(str(path))
    times = path.stat()
    path.write_text("import beside\nvalue = 2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert import_file(path).value == 2
    assert [one.name.partition(".")[0] for one in (tmp_path / "__pycache__").iterdir()] == ["port"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_hides_nothing(tmp_path: Path, name: str) -> None:
    """In a process of its own: the module of that name is found, or missed, as before."""
    path = write(tmp_path / "ports", {f"{name}.py": PORT}) / f"{name}.py"
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("port", "files"),
    [
        ("port.py", {"port.py": "from .layers_of_mine import conv", "layers_of_mine.py": "conv = 1"}),
        ("port.py", {"port.py": "from layers_of_mine import conv", "layers_of_mine.py": "conv = 1"}),
        ("pkg/port.py", {"pkg/__init__.py": "", "pkg/port.py": "from .layers import conv", "pkg/layers.py": "conv = 1"}),  # noqa: E501
        (
            "pkg/sub/port.py",
            {
                "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/layers.py": "conv = 1",
                "pkg/sub/port.py": "from ..layers import conv",
            },
        ),
        (
            "pkg_of_mine/port.py",
            {
                "pkg_of_mine/__init__.py": "", "pkg_of_mine/layers.py": "conv = 1",
                "pkg_of_mine/port.py": "from pkg_of_mine.layers import conv",
            },
        ),
        ("copy/__init__.py", {"copy/__init__.py": "from .layers import conv", "copy/layers.py": "conv = 1"}),
        ("port", {"port": "conv = 1"}),
    ],
)  # fmt: skip
def test_a_file_imports_what_lies_beside_it(tmp_path: Path, port: str, files: dict[str, str]) -> None:
    """In a package or in a bare folder, relatively or by name; the file's suffix does not matter."""
    assert import_file(write(tmp_path, files) / port).conv == 1


def test_what_lies_beside_a_file_serves_nobody_else(tmp_path: Path) -> None:
    """A framework that looks for an optional package does not find the user's file of that name."""
    files = {"port.py": "import only_beside", "only_beside.py": ""}
    import_file(write(tmp_path, files) / "port.py")
    sys.modules.pop("only_beside")
    with pytest.raises(ModuleNotFoundError):
        __import__("only_beside")


def test_a_file_has_a_command_line_of_its_own(tmp_path: Path) -> None:
    """One that parses options at the top gets their defaults, and its own name as the program's."""
    text = (
        "import argparse, sys\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr', default=3)\n"
    )
    text += "lr, prog = parser.parse_args().lr, parser.prog\n"
    before = list(sys.argv)
    module = import_file(write(tmp_path, {"port.py": text}) / "port.py")
    assert (module.lr, module.prog, sys.argv) == (3, "port.py", before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys\nsys.exit(3)", "port.py: its import ends the program (status 3) (line 2 of port.py)"),
        ("import nothing_of_the_kind", "port.py cannot be imported (line 1 of port.py): ModuleNotFoundError"),
        ("\nfrom .beside import x", "port.py cannot be imported (line 1 of beside.py): ZeroDivisionError"),
        ("def f(:", "port.py cannot be imported: SyntaxError"),
        ("input()", "port.py cannot be imported (line 1 of port.py)"),
        ("from ..layers import conv", "port.py cannot be imported (line 1 of port.py): ImportError"),
        (
            "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('data')\nparser.parse_args()",  # noqa: E501
            "port.py: its import ends the program (status 2) (line 4 of port.py): it parses options",
        ),
    ],
)
def test_what_an_import_does_is_said_of_the_file(tmp_path: Path, text: str, said: str) -> None:
    """By the user's own line; nothing of it stays."""
    write(tmp_path, {"port.py": text, "beside.py": "1 / 0"})
    modules, finders = set(sys.modules), list(sys.meta_path)
    with pytest.raises(UserError) as raised:
        import_file(tmp_path / "port.py")
    assert str(raised.value).startswith(said)
    assert len(str(raised.value).splitlines()) <= 2
    assert sys.meta_path == finders
    assert not {name for name in set(sys.modules) - modules if name.startswith("_own_code")}


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    """One process may import both."""
    write(tmp_path, {"a/port.py": "value = 1", "b/port.py": "value = 2"})
    assert [import_file(tmp_path / folder / "port.py").value for folder in "ab"] == [1, 2]


@pytest.mark.parametrize(
    ("name", "path"), [("a.b", False), ("port.py", True), ("a/port", True), ("./a", True)]
)
def test_a_name_with_a_separator_is_a_path(name: str, path: bool) -> None:
    """So is one that ends in .py."""
    assert is_path(name) is path


def test_a_module_is_placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a package, a dotted name in this directory, and an installed module, which stays a name."""
    monkeypatch.chdir(
        write(tmp_path, {"port": "", "pkg/__init__.py": "", "pkg/port.py": "", "bare/x.py": ""})
    )
    assert place("--torch-module", "./port") == str(tmp_path / "port")
    assert place("--torch-module", "pkg/") == str(tmp_path / "pkg" / "__init__.py")
    assert place("--torch-module", "pkg.port") == str(tmp_path / "pkg" / "port.py")
    assert place("--torch-module", "installed.port") == "installed.port"
    for name, said in (
        ("./bare", "is a directory without __init__.py. Name a Python file in it."),
        ("bare/x", "is not a file. Name bare/x.py."),
        ("gone/port.py", "is not a file. Name a Python file, or an installed module."),
    ):
        with pytest.raises(UserError) as raised:
            place("--torch-module", name)
        assert str(raised.value) == f"--torch-module: {name} {said}"
