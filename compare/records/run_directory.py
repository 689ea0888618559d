"""The directory that a run writes into: new or taken up again, and one run's at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO, Self

from compare.errors import UserError

LOCK_NAME = ".lock"


class DirectoryLock:
    """Held by the process that writes into a directory; the kernel lets go of it however that process ends.

    The file holds the process' number, and goes with the lock where that is let go of in order. Workers do
    not inherit it: Python opens files close-on-exec.
    """

    def __init__(self, directory: Path) -> None:
        """Raise UserError if another process holds it, or none may."""
        self.path = directory / LOCK_NAME
        try:
            self.file = opened_and_locked(self.path)
            self.file.truncate(0)
            self.file.write(str(os.getpid()))
            self.file.flush()
        except BlockingIOError:
            holder = self.path.read_text().strip() or "of unknown number"
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
        """Safe to call twice."""
        if not self.file.closed:
            self.path.unlink(missing_ok=True)
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def opened_and_locked(path: Path) -> IO[str]:
    """Raise BlockingIOError if another process holds it."""
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass  # its last holder removed it just now
        except BaseException:
            file.close()
            raise
        file.close()


def new_directory(out: Path | None) -> Path:
    """Create the run's directory; refuse one that already holds files."""
    if out is None:
        out = Path("runs") / time.strftime("%Y-%m-%dT%H-%M-%S")
    try:
        out.mkdir(parents=True, exist_ok=True)
        refuse_if_locked(out)
        if any(out.iterdir()):
            raise UserError(
                f"--out: {out} is not empty. Name a new directory, so that no result is lost. "
                f"--resume {out} continues a run that was interrupted."
            )
        if not os.access(out, os.W_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise UserError(
            f"--out: {out} cannot be written to: {error.strerror}. Name a directory that you can write to."
        ) from error
    return out


def refuse_if_locked(directory: Path) -> None:
    """Raise UserError if a run is writing into `directory`; leave nothing there if none ever did."""
    if (directory / LOCK_NAME).exists():
        DirectoryLock(directory).release()


def remove_if_empty(directory: Path) -> None:
    """Take back a directory in which a run was refused before it wrote anything."""
    if {path.name for path in directory.iterdir()} <= {LOCK_NAME}:
        (directory / LOCK_NAME).unlink(missing_ok=True)
        directory.rmdir()


def remove_half_written(directory: Path) -> None:
    """Remove what a killed run left of files that it was writing with `write_atomically`."""
    for path in directory.rglob(".*"):
        if path.is_file() and path.name != LOCK_NAME:
            path.unlink(missing_ok=True)
