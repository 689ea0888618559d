"""A worker's directory for temporary files, removed with the worker; by a later run if it was killed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from compare.processes.locks import try_lock

PREFIX = "lenet-compare-"
OWNER_NAME = ".owner"


class Scratch:
    """A new directory under the system's temporary one, locked while this process holds it."""

    def __init__(self) -> None:
        """Raise OSError if there is no place for temporary files."""
        self.name = tempfile.mkdtemp(prefix=PREFIX)
        try:
            self.owner = (Path(self.name) / OWNER_NAME).open("w")
            try_lock(self.owner)
        except OSError:
            shutil.rmtree(self.name, ignore_errors=True)
            raise

    def cleanup(self) -> None:
        """Safe to call twice."""
        shutil.rmtree(self.name, ignore_errors=True)
        self.owner.close()


def remove_abandoned() -> None:
    """Remove the directories whose owner is gone: after SIGKILL nobody else does. Never fails."""
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError), (path / OWNER_NAME).open("r+") as owner:
                if try_lock(owner):
                    shutil.rmtree(path, ignore_errors=True)
