"""Locks between processes on this machine, which the kernel releases however their holder ends.

The well-known package, filelock, is not used: where a file system has no locks it takes a file's mere
existence for one, which a killed process leaves behind for ever.
"""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Lock an open file until it is closed. False on a file system without locks: nobody can hold one there.

    Raises BlockingIOError if another process holds it. Children do not inherit the lock: Python opens files
    close-on-exec. file: open for writing, which NFS asks for.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # ENOLCK, ENOSYS, EOPNOTSUPP, ...: some network and user-space file systems
        return False
    return True
