"""Creates and locks the directory that a run writes to. If the run is refused, nothing is left of it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Self

from compare.errors import UserError, typed
from compare.observation import observe
from compare.processes.locks import try_lock
from compare.records.files import HALF_WRITTEN

LOCK_NAME = ".lock"
LOGS = ("ladder-*.log", "parity/ladder-*.log", "*-seed*.log")  # left by a run that was refused


class DirectoryLock:
    """The lock of the process that writes to a directory. The kernel releases it if the process dies.

    The lock file holds the process's number. `release` removes the file.
    """

    def __init__(self, directory: Path) -> None:
        """Raise UserError if another process holds the lock, or the directory cannot be written."""
        self.path = directory / LOCK_NAME
        try:
            self.file = opened_and_locked(self.path)
            try:
                self.file.truncate(0)
                self.file.write(str(os.getpid()))
                self.file.flush()
            except OSError:
                self.release()
                raise
        except BlockingIOError:
            holder = (observe(self.path.read_text) or "").strip() or "of unknown number"
            raise UserError(
                f"{directory} is in use by another run, process {holder}.\n"
                "Wait until it ends, or name another directory with --out."
            ) from None
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written: {error.strerror}. "
                "Name a directory that you can write to, on a disk with free space."
            ) from error

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        if not self.file.closed:
            self.path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it could not write before, and cannot now
                self.file.close()


def opened_and_locked(path: Path) -> IO[str]:
    """Return the locked file. Raises BlockingIOError if another process holds it, OSError if unopenable."""
    while True:
        file = path.open("a+")
        try:
            try_lock(file)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass  # its last holder has just removed it
        except BaseException:
            file.close()
            raise
        file.close()


class RunDirectory:
    """A locked directory. As a context manager, it releases the lock at the end.

    created: the directories that were made for it, innermost first.
    """

    def __init__(self, path: Path, created: Sequence[Path] = ()) -> None:
        """Lock `path`. Raises UserError as `DirectoryLock` does."""
        self.path, self.created = path, created
        self.lock = DirectoryLock(path)
        self.was_empty = is_empty(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    @contextlib.contextmanager
    def refusable(self) -> Iterator[None]:
        """Remove everything that was written if the block refuses the run (UserError of status 2)."""
        try:
            yield
        except UserError as refusal:
            if refusal.status == UserError.status:
                self.take_back(str(refusal))
            raise

    def take_back(self, refusal: str) -> None:
        """Remove all files in a directory that was empty at first, except a log that the refusal names."""
        written = sorted(self.path.rglob("*"), reverse=True) if self.was_empty else []  # contents first
        for path in written:
            with contextlib.suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                elif path.suffix != ".log" or path.name not in refusal:
                    path.unlink()
        self.lock.release()
        remove_empty(self.created)


def new_directory(out: Path | None, *, prefix: str = "") -> RunDirectory:
    """Create and lock a run's directory. Without `out`, its name is the time, and no other run has it.

    prefix: the start of such a name. Raises UserError for a directory in use, with files, or read-only.
    """
    wanted = out or Path("runs") / time.strftime(f"{prefix}%Y-%m-%dT%H-%M-%S")
    try:
        path, created = (wanted, make_directories(wanted)) if out else made_unique(wanted)
    except OSError as error:
        raise UserError(
            f"--out: {wanted} cannot be written to: {error.strerror}. Name a directory that you can write to."
        ) from error
    try:
        directory = RunDirectory(path, created)
    except UserError:
        remove_empty(created)
        raise
    if not directory.was_empty:
        directory.take_back("")
        raise UserError(not_empty(path))
    return directory


def not_empty(path: Path) -> str:
    resume = f" python -m compare.run --resume {typed(path)} continues the run in it."
    has_run = (path / "results.json").exists()
    return f"--out: {path} is not empty. Name a new directory, so that no result is lost.{resume * has_run}"


def make_directories(path: Path) -> list[Path]:
    """Create a directory and its parents. Return the new ones, innermost first.

    Raises OSError and removes the new ones if the name is too long, the disk is full, or a file has the name.
    """
    missing = [directory for directory in (path, *path.parents) if not os.path.lexists(directory)]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(missing)
        if isinstance(error, FileExistsError):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
        raise
    return missing


def remove_empty(directories: Iterable[Path]) -> None:
    """Remove the empty ones of these directories. They come innermost first."""
    for directory in directories:
        with contextlib.suppress(OSError):
            directory.rmdir()


def made_unique(wanted: Path) -> tuple[Path, list[Path]]:
    """Create a new directory. Adds a number to its name if another run started in the same second."""
    around = make_directories(wanted.parent)
    for number in itertools.count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path, [path, *around]
    raise AssertionError("unreachable")


def is_empty(path: Path) -> bool:
    """Return whether a directory is empty, apart from a lock and logs that a refused run left."""
    parity = path / "parity"
    known = {path / LOCK_NAME, *(log for pattern in LOGS for log in path.glob(pattern))}
    return all(one in known or (one == parity and parity.is_dir()) for one in path.rglob("*"))


def refuse_if_in_use(directory: Path) -> None:
    """Raise UserError if a run is writing to `directory`. Creates no file in it."""
    if (directory / LOCK_NAME).exists():
        DirectoryLock(directory).release()


def remove_half_written(directory: Path) -> None:
    """Remove temporary files that a killed run left. Keeps complete files."""
    for path in directory.rglob(f".*{HALF_WRITTEN}"):
        path.unlink(missing_ok=True)
