"""Reads a worker's log."""

from __future__ import annotations

from pathlib import Path

LARGEST_TAIL_BYTES = 65536  # do not read more of a very large log


def tail(path: Path, start: int = 0) -> str:
    """Return the end of a log, without its first `start` bytes; empty if it cannot be read."""
    try:
        with path.open("rb") as log:
            log.seek(max(start, path.stat().st_size - LARGEST_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""
