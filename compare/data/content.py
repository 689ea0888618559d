"""Reads a file that a user names, plain or gzip: never waits for it, nor trusts its declared length."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from compare.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
GZIP_FORMAT = 31  # zlib's `wbits` for one gzip member: header, CRC-32 and length are checked
CHUNK_BYTES = 1 << 18
# Deflate spends at least 2 bits on a copy of at most 258 bytes (RFC 1951): 258 * 8 / 2.
MOST_BYTES_PER_GZIP_BYTE = 1032

BROKEN = "Delete it, then copy or download it again."
UNREADABLE = "Name a file that this user can read."


class Content(Protocol):
    """The unpacked content of a file, read from its start."""

    most_bytes: int  # the content cannot be longer than this
    limit: str  # the same limit in words

    def read(self, size_bytes: int) -> bytes:
        """Return the next `size_bytes` bytes, or fewer at the end. Raises OSError, EOFError, zlib.error."""

    def follows(self) -> bool:
        """Return whether the file has more data after the end of this content."""


class Plain:
    """The content of a file that is not packed."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self.file = file
        self.most_bytes = size_bytes
        self.limit = f"the {size_bytes:,} bytes of the file"

    def read(self, size_bytes: int) -> bytes:
        return self.file.read(size_bytes)

    def follows(self) -> bool:
        return bool(self.file.read(1))


class Gzip:
    """The content of one gzip member, or of several in a row, as bgzip and `cat` write them.

    Zeros may pad the end. Unpacks only what is read, so that a gzip bomb has no effect.
    """

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self.file = file
        self.packed = b""  # read from the file, not yet unpacked
        self.decompressor = zlib.decompressobj(wbits=GZIP_FORMAT)
        self.most_bytes = MOST_BYTES_PER_GZIP_BYTE * size_bytes
        self.limit = f"gzip can pack into the {size_bytes:,} bytes of the file"

    def read(self, size_bytes: int) -> bytes:
        unpacked = bytearray()
        while len(unpacked) < size_bytes:
            if self.decompressor.eof and not self.next_member():
                break
            packed = self.packed or self.file.read(CHUNK_BYTES)
            more = self.decompressor.decompress(packed, size_bytes - len(unpacked))
            if not packed and not more and not self.decompressor.eof:
                raise EOFError
            self.packed = self.decompressor.unconsumed_tail or self.decompressor.unused_data
            unpacked += more
        return bytes(unpacked)

    def next_member(self) -> bool:
        """Start the next member; return False at the end of the file, or if other data follows."""
        while not self.packed.lstrip(b"\0"):
            self.packed = self.file.read(CHUNK_BYTES)
            if not self.packed:
                return False
        self.packed = self.packed.lstrip(b"\0") + self.file.read(len(GZIP_MAGIC))
        if not self.packed.startswith(GZIP_MAGIC):
            return False
        self.decompressor = zlib.decompressobj(wbits=GZIP_FORMAT)
        return True

    def follows(self) -> bool:
        return bool(self.packed)


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """Yield the content of a regular file. Recognizes gzip by its first two bytes, not by the file's name.

    Raises UserError if the path is not a regular file, cannot be opened or read, or is broken gzip. Errors
    that occur in the body of the `with` become UserError too.
    """
    try:
        with open_file(path) as file:
            yield content_of(path, file)
    except EOFError as error:
        raise bad_file(path, "is gzip that is cut short: its end is missing", BROKEN) from error
    except zlib.error as error:
        reason = str(error).rpartition(": ")[2]
        raise bad_file(path, f"is gzip that cannot be unpacked: {reason}", BROKEN) from error
    except OSError as error:
        raise unreadable(path, error) from error


def open_file(path: Path) -> BinaryIO:
    try:
        return open(path, "rb", opener=open_without_waiting)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise unreadable(path, error) from error


def content_of(path: Path, file: BinaryIO) -> Content:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise bad_file(path, f"must be a regular file but is {kind(status.st_mode)}", UNREADABLE)
    gzipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return (Gzip if gzipped else Plain)(file, status.st_size)


def open_without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting. A plain open of a FIFO waits until somebody writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"


def unreadable(path: Path, error: OSError | ValueError) -> UserError:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        target = printable_path(path.readlink())
        return bad_file(path, f"is a link to {target}, which does not exist", "Repair the link.")
    if isinstance(error, IsADirectoryError):
        return bad_file(path, "must be a regular file but is a directory", "Put the file in its place.")
    reason = getattr(error, "strerror", None) or error
    return bad_file(path, f"cannot be read: {reason}", UNREADABLE)


def bad_file(path: Path, problem: str, action: str) -> UserError:
    """Return an error for a file or directory: the problem, and on a second line what to do."""
    return UserError(f"{printable_path(path)}: {problem}.\n{action}")


def printable_path(path: Path) -> str:
    """Return the path, quoted and escaped if it holds a line break or another unprintable character."""
    text = str(path)
    return text if text.isprintable() else repr(text)
