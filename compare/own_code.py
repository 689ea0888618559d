"""A user's own Python file as a module: its name hides nothing, and what its import does is said of it.

Standard library only. The file is imported under a private name, as part of the package that it lies in: so
`from .layers import conv` works, and a file called copy.py is nobody else's `copy`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import itertools
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from compare.errors import UserError
from compare.reasons import reason_of

NUMBERS = itertools.count()  # a name of its own for each import: one process may import two files
INIT = "__init__.py"


def is_path(name: str) -> bool:
    """Whether a module is named by a path: a name with a separator is one, and so is one that ends in .py."""
    return os.sep in name or name.endswith(".py")


def place(flag: str, name: str) -> str:
    """Return the absolute path of a module that is named by one, or lies in this directory; else its name.

    Raises UserError, naming the option `flag`, for a path that holds no module.
    """
    if not is_path(name):
        here = Path(*name.split("."))
        found = next((one for one in (here.with_suffix(".py"), here / INIT) if one.is_file()), None)
        return str(found.absolute()) if found else name
    path = Path(name).expanduser()
    if path.is_dir():
        if (path / INIT).is_file():
            return str((path / INIT).absolute())
        raise UserError(f"{flag}: {name} is a directory without {INIT}. Name a Python file in it.")
    if not path.is_file():
        suffixed = Path(f"{path}.py")
        action = f"Name {suffixed}." if suffixed.is_file() else "Name a Python file, or an installed module."
        raise UserError(f"{flag}: {name} is not a file. {action}")
    return str(path.absolute())


def import_file(path: Path) -> ModuleType:
    """Import a file. Raises UserError, naming the file and the line, for whatever its import raises."""
    path = path.resolve()  # as Python does with a script: what lies beside a link's target is imported
    root = package_root(path.parent)
    top = f"_own_code_{next(NUMBERS)}"
    beside = Beside(path, root)
    sys.meta_path.append(beside)
    try:
        with speaking_of(path, root):
            return import_within(path, root, top)
    except UserError:
        sys.meta_path.remove(beside)
        for name in [name for name in sys.modules if name.partition(".")[0] == top]:
            del sys.modules[name]
        raise


def package_root(folder: Path) -> Path:
    """Return the outermost package around a folder; the folder itself if it is none."""
    while (folder / INIT).is_file() and (folder.parent / INIT).is_file():
        folder = folder.parent
    return folder


def import_within(path: Path, root: Path, top: str) -> ModuleType:
    """Import the file as part of the package in `root`, which is called `top`."""
    if (root / INIT).is_file():
        package = load(top, root / INIT, [str(root)])
    else:
        package = sys.modules[top] = ModuleType(top)
        package.__path__ = [str(root)]
    parts = list(path.relative_to(root).parts[:-1])
    if path.name == INIT:
        return importlib.import_module(".".join([top, *parts])) if parts else package
    if parts:
        importlib.import_module(".".join([top, *parts]))
    return load(".".join([top, *parts, path.name.removesuffix(".py").replace(".", "_")]), path)


def load(name: str, path: Path, locations: list[str] | None = None) -> ModuleType:
    """Execute a file of any suffix as a module of this name."""
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(
        name, path, loader=loader, submodule_search_locations=locations
    )
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


@contextmanager
def speaking_of(path: Path, root: Path) -> Iterator[None]:
    """Give the file a command line of its own, and say of it what its import raises."""
    arguments, sys.argv = sys.argv, [str(path)]
    shown = f"{path.parent.name}/{INIT}" if path.name == INIT else path.name
    try:
        yield
    except SystemExit as ended:
        raise UserError(
            f"{shown}: its import ends the program (status {ended.code}){line_in(ended, root)}: it parses "
            'options, or runs.\nPut that under `if __name__ == "__main__":`.'
        ) from ended
    except Exception as error:
        traceback.print_exc()
        raise UserError(f"{shown} cannot be imported{line_in(error, root)}: {reason_of(error)}") from error
    finally:
        sys.argv = arguments


def line_in(error: BaseException, root: Path) -> str:
    """Return the last line of the user's own that an error came through, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    return f" (line {own[-1].lineno} of {Path(own[-1].filename).name})" if own else ""


class Beside:
    """Finds what lies beside a user's file, for imports from there alone, and after everything installed.

    On `sys.path` the folder would serve every import: a file called pandas.py would be the pandas of a
    framework that looks whether there is one.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root = path, root
        self.places = [str(path.parent), str(root.parent)] if (root / INIT).is_file() else [str(root)]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a top-level module lies; None for others, and for imports from elsewhere."""
        if path is not None or not self.asked_from_here():
            return None
        found = importlib.machinery.PathFinder.find_spec(name, self.places)
        return None if found is None or found.origin == str(self.path) else found

    def asked_from_here(self) -> bool:
        frame = inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in MACHINERY:
            frame = frame.f_back
        return frame is not None and Path(frame.f_code.co_filename).is_relative_to(self.root)


MACHINERY = {"importlib", "_frozen_importlib", "_frozen_importlib_external", __name__.partition(".")[0]}
