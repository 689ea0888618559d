"""Files written whole or not at all, and JSON laid out for people."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import msgspec

from compare.errors import Unwritable


def write_json(path: Path, record: msgspec.Struct | dict[str, object]) -> None:
    """Strict JSON, atomically; a figure that is not finite becomes null. Raises Unwritable."""
    encoded = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_atomically(path, collapse_number_lists(encoded))


def collapse_number_lists(encoded: bytes) -> bytes:
    """Put each list of plain numbers on one line: a thousand losses are not a thousand lines."""

    def joined(match: re.Match[bytes]) -> bytes:
        return b"[" + b", ".join(part.strip() for part in match.group(1).split(b",")) + b"]"

    return re.sub(rb"\[([-+0-9.eE,\s]+)\]", joined, encoded) + b"\n"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one, never half.

    Raises Unwritable where the disk is full, or the directory is gone.
    """
    try:
        replace(path, content)
    except OSError as error:
        raise Unwritable(
            f"{path} cannot be written: {error.strerror or error}. Earlier files are unchanged.\n"
            "Free some space, or repair the directory, then run again. --resume continues an interrupted run."
        ) from error


def replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
