"""Reading a JSON record, which may come from anyone, as a type: without waiting, and not without end."""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from compare.errors import UserError

LARGEST_BYTES = 1 << 29  # 10 seeds of all variants for 10,000 steps take a fifth of it
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What a file is to hold: a type, of which versions; in messages its name, and what to do."""

    holds: type[T]
    versions: tuple[int, ...]  # that can be read
    name: str  # a results file
    wanted: str  # what to name in place of a file that cannot be read
    again: str  # what to do about a file that is another


class Version(msgspec.Struct):
    """Of any version's file, the one field that all versions have."""

    schema_version: int | None = None


def read_record(path: Path, kind: Kind[T]) -> T:
    """Return what a file holds. Raises UserError if it cannot be read, or is not of that kind."""
    content = read_content(path, kind)
    version = decoded(path, content, kind, Version).schema_version
    if version is not None and version not in kind.versions:
        readable = " and ".join(map(str, kind.versions))
        raise UserError(
            f"{path} has schema_version {version}; this version reads {readable}.\n"
            "Use the version of lenet-compare that wrote it."
        )
    return decoded(path, content, kind, kind.holds)


def decoded(path: Path, content: bytes, kind: Kind[T], holds: type[U]) -> U:
    """Return JSON as a type. Raises UserError if it is not of that type, or no JSON."""
    try:
        return msgspec.json.decode(as_utf8(content), type=holds)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not {kind.name}: {error}\n{kind.again}") from error


def as_utf8(content: bytes) -> bytes:
    """Return text without a byte-order mark. Editors on Windows put one first; its shells write UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def read_content(path: Path, kind: Kind[T]) -> bytes:
    """Return a file's bytes. Raises UserError if there is none, or it cannot be read."""
    try:
        return read_bytes(path, kind)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}\nName {kind.wanted}.") from error


def read_bytes(path: Path, kind: Kind[T]) -> bytes:
    """Read a regular file of at most LARGEST_BYTES. Raises UserError for another, OSError if unreadable."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} must be a regular file, and is not. {kind.again}")
        if status.st_size > LARGEST_BYTES:
            limit = f"the limit is {LARGEST_BYTES:,}"
            raise UserError(f"{path} has {status.st_size:,} bytes; {limit}. {kind.again}")
        return file.read(LARGEST_BYTES)
