"""Checks the paths of a conversion, and writes TARGET completely or leaves it unchanged."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from compare.config_rules import check_timeout, check_utf8
from compare.data.content import open_content
from compare.errors import UserError
from compare.records.files import synchronize

if TYPE_CHECKING:
    from compare.conversion.config import ConvertConfig


MOST_BYTES = 16 << 20  # more than any kind of file takes: LeNet's weights in float64 are 9 MB


def check_paths(config: ConvertConfig) -> None:
    """Raise UserError if SOURCE is not a readable file, or if an option breaks its rule."""
    check_utf8("SOURCE", config.source)
    check_utf8("TARGET", config.target)
    with open_content(config.source):
        pass
    check_timeout(config.timeout)
    for flag, python in (("--tf-python", config.tf_python), ("--torch-python", config.torch_python)):
        if not os.access(python, os.X_OK) or python.is_dir():
            raise UserError(f"{flag}: {python} is not a program that can be run. Name a Python interpreter.")


@contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a path to write to. It is moved to `target` if the block succeeds, else removed.

    Raises UserError if `target` exists and may not be replaced, or if its directory cannot be written.
    """
    if target.is_dir():
        raise UserError(f"{target} is a directory. Name a file.")
    if os.path.lexists(target) and not overwrite:
        raise exists(target)
    try:
        directory = Path(tempfile.mkdtemp(dir=target.parent, prefix=".lenet-convert-"))
    except OSError as error:
        raise UserError(
            f"{target.parent}: {error.strerror}. Name a directory that you can write to."
        ) from error
    try:
        temporary = directory / target.name
        try:
            yield temporary
        except UserError:
            check_space(directory)
            raise
        move(temporary, target, overwrite=overwrite)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written: {error.strerror or error}. Free some space, or name another place."
        ) from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def check_space(directory: Path) -> None:
    """Raise OSError if the system lets no weights be written here: frameworks tell that otherwise."""
    with (directory / "space").open("wb") as file:
        file.write(bytes(MOST_BYTES))
        synchronize(file)


def move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Move a complete file to `target`. Without `overwrite`, refuses even a target that was just created."""
    with temporary.open("rb") as file:
        synchronize(file)
    if not overwrite:
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise exists(target) from None
        except OSError:  # a file system without hard links
            if os.path.lexists(target):
                raise exists(target) from None
        else:
            return
    temporary.replace(target)


def exists(target: Path) -> UserError:
    return UserError(f"{target} already exists, and is not replaced. Name another file, or add --overwrite.")
