"""Imports a user's own Python file as a module, without name conflicts. Its errors name the file.

Standard library only. The file is imported under a private name, as part of the package that it lies in. So
`from .layers import conv` works, and a file called copy.py does not replace the standard `copy`.
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
from types import CodeType, ModuleType

from compare.errors import UserError
from compare.reasons import reason_of

NUMBERS = itertools.count()  # a different name for each import, because one process may import two files
INIT = "__init__.py"


def is_path(name: str) -> bool:
    """Return whether the module is named by a path: with a separator, a final .py, or nothing but dots."""
    return os.sep in name or name.endswith(".py") or not name.strip(".")


def place(flag: str, name: str) -> str:
    """Return the absolute path if the name is a path or a module in this directory; else return the name.

    Raises UserError, naming the option `flag`, if the path holds no module.
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
    """Import a file. Raises UserError, naming the file and the line, if the import raises anything."""
    path = path.resolve()  # as Python does with a script: imports search the directory of a link's target
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
    """Return the outermost package that holds a folder, or the folder itself if it is not a package."""
    while (folder / INIT).is_file() and (folder.parent / INIT).is_file():
        folder = folder.parent
    return folder


def import_within(path: Path, root: Path, top: str) -> ModuleType:
    """Import the file as part of the package in `root`. The package gets the name `top`."""
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


class FromSource(importlib.machinery.SourceFileLoader):
    """Compiles the file at each import: Python's cache can miss a change within the same second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load(name: str, path: Path, locations: list[str] | None = None) -> ModuleType:
    """Execute a file with any suffix as a module of this name."""
    loader = FromSource(name, str(path))
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
    """Set sys.argv to the file's path alone, and raise UserError, naming the file, if its import fails.

    Nothing is written to the folders of what it imports: no cache of compiled files.
    """
    arguments, sys.argv = sys.argv, [str(path)]
    caching, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    shown = f"{path.parent.name}/{INIT}" if path.name == INIT else path.name
    try:
        yield
    except SystemExit as ended:
        raise UserError(
            f"{shown}: its import ends the program (status {ended.code}){line_in(ended, root)}: it parses "
            'options, or starts its work.\nPut this code under `if __name__ == "__main__":`.'
        ) from ended
    except Exception as error:
        traceback.print_exc()
        raise UserError(f"{shown} cannot be imported{line_in(error, root)}: {reason_of(error)}") from error
    finally:
        sys.argv, sys.dont_write_bytecode = arguments, caching


def line_in(error: BaseException, root: Path) -> str:
    """Return the last line of the user's files in the error's traceback, in words; empty if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    return f" (line {own[-1].lineno} of {Path(own[-1].filename).name})" if own else ""


class Beside:
    """Finds modules next to a user's file, for imports from there alone, after all other finders.

    An entry in `sys.path` would serve every import. Then a file called pandas.py would be imported by a
    framework that tests for pandas.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root = path, root
        self.places = [str(path.parent), str(root.parent)] if (root / INIT).is_file() else [str(root)]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a top-level module; None for other modules, and for imports from other code."""
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
