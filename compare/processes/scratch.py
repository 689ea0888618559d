"""A worker's place for temporary files: removed with the worker, or by a later run where it was killed."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

PREFIX = "lenet-compare-"
OWNER_NAME = ".owner"


class Scratch:
    """A new directory under the system's temporary one, locked for as long as this process holds it."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix=PREFIX)
        self.owner = (Path(self.name) / OWNER_NAME).open("w")
        fcntl.flock(self.owner, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def cleanup(self) -> None:
        """Safe to call twice."""
        shutil.rmtree(self.name, ignore_errors=True)
        self.owner.close()


def remove_abandoned() -> None:
    """Remove the directories whose owner is gone: SIGKILL leaves nobody to do it."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (path / OWNER_NAME).open("r") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
