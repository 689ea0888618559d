"""Writes each file completely or not at all, and lays JSON out for people."""

from __future__ import annotations

import errno
import os
import re
import secrets
from pathlib import Path
from typing import BinaryIO

import msgspec

from compare.errors import Unwritable

HALF_WRITTEN = ".part"  # the suffix of a temporary file; its name begins with a dot
LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, record: msgspec.Struct | dict[str, object]) -> None:
    """Write strict JSON, atomically. A figure that is not finite becomes null. Raises Unwritable."""
    encoded = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_atomically(path, collapse_number_lists(encoded))


def collapse_number_lists(encoded: bytes) -> bytes:
    """Put each list of plain numbers on one line, so that a thousand losses do not take a thousand lines."""

    def joined(match: re.Match[bytes]) -> bytes:
        return b"[" + b", ".join(part.strip() for part in match.group(1).split(b",")) + b"]"

    return re.sub(rb"\[([-+0-9.eE,\s]+)\]", joined, encoded) + b"\n"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old file or the new one, never a part.

    Raises Unwritable if the disk is full, or if the directory no longer exists.
    """
    try:
        replace(path, content)
    except OSError as error:
        raise Unwritable(
            f"{path} cannot be written: {error.strerror or error}. Earlier files are unchanged.\n"
            "Free some space, or repair the directory, then run again."
        ) from error


def replace(path: Path, content: bytes) -> None:
    """Replace a file. Raises OSError; then no partly written file is left."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{HALF_WRITTEN}")
    try:
        with temporary.open("xb") as file:  # the umask decides who may read it
            file.write(content)
            synchronize(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def synchronize(file: BinaryIO) -> None:
    """Wait until a file is on the disk, if the file system can report it. Raises OSError if data are lost."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno in LOST:
            raise
