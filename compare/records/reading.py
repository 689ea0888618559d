"""Reads a JSON record, which may come from anyone, as a type: never waits, and limits the file's size."""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from compare.errors import UserError

LARGEST_BYTES = 1 << 29  # 10 seeds of all variants with 10,000 steps take a fifth of it
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """An expected kind of file: its type and versions, and words for messages."""

    holds: type[T]
    versions: tuple[int, ...]  # the versions that can be read
    name: str  # the kind's name in messages: a results file
    wanted: str  # what to name instead of a file that cannot be read
    again: str  # the next action if the file is of another kind


class Version(msgspec.Struct):
    """The one field that the files of all versions have."""

    schema_version: int | None = None


def read_record(path: Path, kind: Kind[T]) -> T:
    """Return the record in a file. Raises UserError if it cannot be read, or is of another kind."""
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
    """Return JSON as a type. Raises UserError if it is not valid JSON of that type."""
    try:
        return msgspec.json.decode(as_utf8(content), type=holds)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not {kind.name}: {error}\n{kind.again}") from error


def as_utf8(content: bytes) -> bytes:
    """Return UTF-8 without a byte-order mark. Editors on Windows add one, and PowerShell writes UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def read_content(path: Path, kind: Kind[T]) -> bytes:
    """Return a file's bytes. Raises UserError if there is no file, or it cannot be read."""
    try:
        return read_bytes(path, kind)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}\nName {kind.wanted}.") from error


def read_bytes(path: Path, kind: Kind[T]) -> bytes:
    """Read a regular file of at most LARGEST_BYTES. Raises UserError for another file, or OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} must be a regular file, and is not. {kind.again}")
        if status.st_size > LARGEST_BYTES:
            limit = f"the limit is {LARGEST_BYTES:,}"
            raise UserError(f"{path} has {status.st_size:,} bytes; {limit}. {kind.again}")
        return file.read(LARGEST_BYTES)
