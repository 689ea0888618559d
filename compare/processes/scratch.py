"""Makes a worker's directory for temporary files. It is removed with the worker, or else by a later run."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from compare.processes.locks import try_lock

PREFIX = "lenet-compare-"
OWNER_NAME = ".owner"


class Scratch:
    """A new directory under the system's temporary directory, locked as long as this process uses it."""

    def __init__(self) -> None:
        """Make the directory. Raises OSError if the system has no place for temporary files."""
        self.name = tempfile.mkdtemp(prefix=PREFIX)
        try:
            self.owner = (Path(self.name) / OWNER_NAME).open("w")
            try_lock(self.owner)
        except OSError:
            shutil.rmtree(self.name, ignore_errors=True)
            raise

    def cleanup(self) -> None:
        """Remove the directory. Safe to call twice."""
        shutil.rmtree(self.name, ignore_errors=True)
        self.owner.close()


def remove_abandoned() -> None:
    """Remove the directories of killed processes: SIGKILL leaves them behind. Never raises."""
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError), (path / OWNER_NAME).open("r+") as owner:
                if try_lock(owner):
                    shutil.rmtree(path, ignore_errors=True)
