"""Finds the four files of a set like MNIST, in the layouts and under the names that tools give them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from compare.data.content import bad_file, printable_path, unreadable
from compare.errors import UserError


@dataclass(frozen=True)
class Files:
    """The four files of a data set."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


ROLES = tuple(field.name for field in fields(Files))
# Matches train-images-idx3-ubyte.gz, as published; train-images.idx3-ubyte, as some tools unpack it;
# test-images-… for t10k-images-…; and a set's prefix, as in emnist-digits-train-images-….
NAME = re.compile(
    r"(?:(?P<prefix>.+?)[-_.])?(?P<split>train|training|t10k|test|testing)[-_.](?P<kind>images|labels)"
    r"(?P<type>(?:[-_.]idx[1-4]?)?(?:[-_.](?:ubyte|byte|int))?)(?:\.gz)?",
    re.IGNORECASE,
)
SPLITS = ("train", "training", "test", "testing", "t10k")  # directories that hold one half of a set
USUAL = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
EITHER_NAME = "with or without .gz; - or . before idx; test- for t10k-; or a set's name in front"
GET_THEM = "Put the four files there, or name the directory that holds them."
LISTED_NAMES = 6

Candidates = dict[str, list[Path]]  # by role
Sets = dict[Path, Candidates]  # by the directory, joined with the prefix of the files' names


def find_files(data_dir: Path) -> Files:
    """Return the files of the set in `data_dir`, without a check of their content.

    If `data_dir` itself holds a file with a matching name, the set is there. If not, it is the complete set
    in its subdirectories, or in their subdirectories (torchvision's `MNIST/raw`). NAME defines the matching
    names. A plain file is preferred to its `.gz`. If several sets share one directory, `data_dir` may end in
    the prefix of one set's names: `EMNIST/raw/emnist-digits`.

    Raises UserError if a file is missing, or if more than one set or file matches.
    """
    try:
        if sets := sets_by_name(data_dir):
            return choose(data_dir.parent, sets)
        check_directory(data_dir)
        closed: list[OSError] = []
        found: Sets = {}
        for directories in levels(data_dir, closed):
            found |= sets_in(data_dir, directories, closed)
            if found and (directories == [data_dir] or any(map(is_complete, found.values()))):
                return choose(data_dir, found)
        if closed:
            raise closed[0]
        if found:
            return choose(data_dir, found)
    except (OSError, ValueError) as error:
        place = getattr(error, "filename", None)
        raise unreadable(Path(place) if place else data_dir, error) from error
    problem = f"holds none of {', '.join(USUAL.values())} ({EITHER_NAME}), nor do the directories in it"
    raise bad_file(data_dir, f"{problem}; the directory holds {listing(data_dir)}", GET_THEM)


def sets_by_name(data_dir: Path) -> Sets:
    """Return the set whose file names begin with the last part of `data_dir`, if that is not a directory."""
    if os.path.lexists(data_dir) or not data_dir.parent.is_dir():
        return {}
    parent = data_dir.parent
    return {name: files for name, files in sets_in(parent, [parent], []).items() if name == data_dir}


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


def levels(data_dir: Path, closed: list[OSError]) -> Iterator[list[Path]]:
    """Yield [`data_dir`], then its subdirectories, then their subdirectories."""
    directories = [data_dir]
    yield directories
    for _ in range(2):
        directories = [
            directory / name
            for directory in directories
            for name in names_in(directory, closed)
            if (directory / name).is_dir()
        ]
        yield directories


def names_in(directory: Path, closed: list[OSError]) -> list[str]:
    """Return the sorted names in a directory. Add the error to `closed` if this user may not enter it."""
    try:
        os.stat(f"{directory}/.")  # noqa: PTH116  (a Path drops the dot; to list it is not to reach its files)
        return sorted(path.name for path in directory.iterdir())
    except PermissionError as error:
        closed.append(error)
        return []


def sets_in(data_dir: Path, directories: list[Path], closed: list[OSError]) -> Sets:
    found: Sets = defaultdict(lambda: defaultdict(list))
    for directory in directories:
        split_up = directory != data_dir and directory.name.lower() in SPLITS
        home = directory.parent if split_up else directory
        for name in names_in(directory, closed):
            if (match := NAME.fullmatch(name)) and (match["type"] or not (directory / name).is_dir()):
                split = "train" if match["split"].lower().startswith("train") else "test"
                role = f"{split}_{match['kind'].lower()}"
                found[home / (match["prefix"] or "")][role].append(directory / name)
    return found


def is_complete(candidates: Candidates) -> bool:
    return len(candidates) == len(ROLES)


def choose(data_dir: Path, sets: Sets) -> Files:
    """Return the files of the only complete set, or of the only set if none is complete."""
    complete = [name for name, candidates in sets.items() if is_complete(candidates)]
    chosen = complete or list(sets)
    if len(chosen) > 1:
        raise ambiguous(data_dir, chosen, "Name one of them with --data-dir.")
    return Files(**{role: choose_file(data_dir, role, sets[chosen[0]]) for role in ROLES})


def choose_file(data_dir: Path, role: str, candidates: Candidates) -> Path:
    """Return the file for a role. Prefers a plain file to gzip, and any file to a directory."""
    paths = candidates.get(role, [])
    paths = [inner for path in paths for inner in unwrapped(path)]
    paths = [path for path in paths if not path.is_dir()] or paths
    paths = [path for path in paths if path.suffix.lower() != ".gz"] or paths
    if not paths:
        directory = next(path.parent for found in candidates.values() for path in found)
        problem = f"{role.replace('_', ' ')} are missing: there is no {USUAL[role]} ({EITHER_NAME})"
        raise bad_file(
            directory, f"{problem}; the directory holds {listing(directory)}", "Put the file there."
        )
    if len(paths) > 1 and not all(same_file(paths[0], path) for path in paths[1:]):
        raise ambiguous(data_dir, paths, "Move all but one of them away.")
    return paths[0]


def unwrapped(path: Path) -> list[Path]:
    """Return the file, or the matching files inside it if it is a directory, as some unpackers make."""
    inner = path.iterdir() if path.is_dir() else []
    return sorted(each for each in inner if NAME.fullmatch(each.name)) or [path]


def listing(directory: Path) -> str:
    """List the first names in a directory, for a message."""
    names = sorted(path.name for path in directory.iterdir())
    listed = ", ".join(printable_path(Path(name)) for name in names[:LISTED_NAMES]) or "nothing"
    return f"{listed} and {len(names) - LISTED_NAMES:,} more" if len(names) > LISTED_NAMES else listed


def same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def ambiguous(directory: Path, candidates: list[Path], action: str) -> UserError:
    names = ", ".join(printable_path(path.relative_to(directory)) for path in candidates)
    return bad_file(directory, f"only one of these files may exist: {names}", action)
