"""Files written whole or not at all, and JSON laid out for people."""

from __future__ import annotations

import errno
import os
import re
import secrets
from pathlib import Path
from typing import BinaryIO

import msgspec

from compare.errors import Unwritable

HALF_WRITTEN = ".part"  # the end of a name; it begins with a dot
LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)


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
            "Free some space, or repair the directory, then run again."
        ) from error


def replace(path: Path, content: bytes) -> None:
    """Raise OSError, and leaves nothing half-written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{HALF_WRITTEN}")
    try:
        with temporary.open("xb") as file:  # the umask says who may read it
            file.write(content)
            synchronize(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def synchronize(file: BinaryIO) -> None:
    """Wait until a file is on the disk, on a file system that can say so. Raises OSError if it is lost."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno in LOST:
            raise
