"""Locks between processes on this machine. The kernel releases a lock when its holder ends in any way.

The package filelock is not used. On a file system without locks, it treats a file's existence as the lock,
and a killed process would leave that file for ever.
"""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed. Return False on a file system without locks.

    Raises BlockingIOError if another process holds the lock. Children do not inherit it: Python opens files
    close-on-exec. file: open for writing, as NFS requires.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # ENOLCK, ENOSYS, EOPNOTSUPP, ...: some network and user-space file systems
        return False
    return True
