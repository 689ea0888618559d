"""Where the four files of a set like MNIST lie, in the layouts and under the names that tools give them."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from compare.data.content import bad_file, shown, unreadable
from compare.errors import UserError


@dataclass(frozen=True)
class Files:
    """The four files of a data set."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


STEMS = {
    "train_images": ("train-images", "idx3-ubyte"),
    "train_labels": ("train-labels", "idx1-ubyte"),
    "test_images": ("t10k-images", "idx3-ubyte"),
    "test_labels": ("t10k-labels", "idx1-ubyte"),
}
EITHER_NAME = "with or without .gz, with - or . before idx"
GET_THEM = "Put the files there, or let torchvision get a set: --download FashionMNIST (or KMNIST)."


def find_files(data_dir: Path) -> Files:
    """Return the files of the set in `data_dir`; whether their content is right is not looked at.

    Directories, the first that holds any of the names: `data_dir`; `data_dir/raw`; the one
    `data_dir/<name>/raw` (torchvision's layout). Names: `train-images-idx3-ubyte` as published, or
    `train-images.idx3-ubyte` as some tools unpack it; each plain or, where there is no plain one, `.gz`.

    Raises UserError where a file is missing or where more than one could be meant.
    """
    try:
        directory = choose_directory(data_dir)
        return Files(**{field.name: choose_file(directory, field.name) for field in fields(Files)})
    except (OSError, ValueError) as error:
        place = getattr(error, "filename", None)
        raise unreadable(Path(place) if place else data_dir, error) from error


def choose_directory(data_dir: Path) -> Path:
    check_directory(data_dir)
    for directory in (data_dir, data_dir / "raw"):
        if holds_any(directory):
            return directory
    nested = [data_dir / name / "raw" for name in sorted(path.name for path in data_dir.iterdir())]
    # not Path.is_dir, which raises an error for a place within a closed directory
    nested = [place for place in nested if os.path.isdir(place) and holds_any(place)]  # noqa: PTH112
    if not nested:
        names = ", ".join("-".join(stem) for stem in STEMS.values())
        problem = f"holds none of {names} ({EITHER_NAME}), nor do raw/ and */raw/ in it"
        raise bad_file(data_dir, problem, GET_THEM)
    if len(nested) > 1:
        raise ambiguous(data_dir, nested, "Name one of them with --data-dir.")
    return nested[0]


def check_directory(data_dir: Path) -> None:
    try:
        os.stat(f"{data_dir}/.")  # noqa: PTH116  (a Path drops the dot)
    except FileNotFoundError as error:
        if data_dir.is_symlink():
            raise unreadable(data_dir, error) from error
        raise bad_file(data_dir, "there is no such directory", GET_THEM) from error
    except NotADirectoryError as error:
        action = "Name the directory that holds the files."
        raise bad_file(data_dir, "must be a directory but is not", action) from error


def holds_any(directory: Path) -> bool:
    return any(present(directory, role) for role in STEMS)


def choose_file(directory: Path, role: str) -> Path:
    """Plain before gzip, as torchvision leaves both; a directory is taken only where no file is there."""
    names = present(directory, role)
    names = [path for path in names if not path.is_dir()] or names
    plain = [path for path in names if path.suffix != ".gz"]
    candidates = plain or names
    if not candidates:
        stem, suffix = STEMS[role]
        problem = f"{role.replace('_', ' ')} are missing: there is no {stem}-{suffix} ({EITHER_NAME})"
        raise bad_file(directory, problem, GET_THEM)
    if len(candidates) > 1 and not same_file(*candidates):
        raise ambiguous(directory, candidates, "Move all but one of them away.")
    return candidates[0]


def present(directory: Path, role: str) -> list[Path]:
    """Return the names that exist, broken links among them: reading one then says so."""
    names = [separator.join(STEMS[role]) + ending for separator in "-." for ending in ("", ".gz")]
    return [directory / name for name in names if exists(directory / name)]


def exists(path: Path) -> bool:
    """Unlike os.path.lexists, raises OSError where a directory may not be entered: that is not absence."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def ambiguous(directory: Path, candidates: list[Path], action: str) -> UserError:
    names = ", ".join(shown(path.relative_to(directory)) for path in candidates)
    return bad_file(directory, f"only one of these may be there: {names}", action)
