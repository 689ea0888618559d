"""Reads IDX, the format of the MNIST files.

A file holds 00 00, a type code, the number of dimensions, each size as a big-endian 32-bit number, then the
values, big-endian. http://yann.lecun.com/exdb/mnist/ described the format.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compare.data.content import BROKEN, CHUNK_BYTES, Content, bad_file, open_content
from compare.numbers import count

TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
BYTES = ("uint8",)
INTEGERS = ("uint8", "int8", "int16", "int32")
QMNIST_COLUMNS = 8  # the columns of its labels: the class, then who wrote the digit, where, and when
LARGEST_BYTES = 1 << 31  # 2.7 million images of 28×28; the largest set of this shape, EMNIST, has 0.8 million

# Other formats that people store under the name of an IDX file.
OTHER_FORMATS = {
    b"\x1f\x8b": "gzip inside gzip",
    b"PK": "a zip archive",
    b"\xfd7zX": "an xz file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\x93NUM": "a NumPy file",
    b"vers": "perhaps a Git LFS pointer",
    b"<": "perhaps a web page",
}


def read_idx(path: Path, *, ndim: int, types: Collection[str] = BYTES) -> np.ndarray:
    """Return the array in an IDX file: images with `ndim` 3, labels with 1; C-contiguous, of the file's type.

    The file may be plain or gzip, under any name. If images have an axis of size 1 for the channel, first or
    last, the axis is dropped. QMNIST's labels have several columns; the column with the class is returned.
    Reads only as many bytes as the header declares, plus one. Allocates nothing for a size that the file
    cannot hold.

    Raises UserError if the file is not exactly such a file.
    """
    with open_content(path) as content:
        declared = read_header(path, content, ndim, types)
        used = used_axes(path, declared, ndim)
        check_declared(path, declared, content)
        array = read_values(path, declared, content)
        if content.read(1):
            raise bad_file(path, f"holds more than the {declared} that its header declares", BROKEN)
        if content.follows():
            raise bad_file(
                path,
                "has data after its gzip members that is not gzip",
                "Unpack it with gzip -d, look at the result, and name that.",
            )
    return np.ascontiguousarray(array[used])


@dataclass(frozen=True)
class Declared:
    """The content of a header: the sizes, each at least 1, and the type of the values."""

    shape: tuple[int, ...]
    type: str

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.type).itemsize

    def __str__(self) -> str:
        """Return, for example, `60000 × 28 × 28 = 47,040,000 bytes`."""
        if len(self.shape) == 1 and self.type == "uint8":
            return count(self.shape[0], "byte")
        of_type = "" if self.type == "uint8" else f" {self.type}"
        return f"{dimensions(self.shape)}{of_type} = {count(self.size_bytes, 'byte')}"


def dimensions(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def read_header(path: Path, content: Content, ndim: int, types: Collection[str]) -> Declared:
    magic = content.read(4)
    if not magic:
        raise bad_file(path, "is empty", BROKEN)
    if len(magic) == 4:
        check_magic(path, magic, ndim, types)
    found_ndim = magic[3] if len(magic) == 4 else ndim
    sizes = content.read(4 * found_ndim)
    found, needed = len(magic + sizes), 4 * (1 + found_ndim)
    if found < needed:
        raise bad_file(
            path, f"ends after {count(found, 'byte')}, within its header of {needed} bytes", BROKEN
        )
    declared = Declared(struct.unpack(f">{found_ndim}I", sizes), TYPES[magic[2]])
    if 0 in declared.shape:
        raise bad_file(path, f"declares {declared}; every size must be at least 1", BROKEN)
    return declared


def check_magic(path: Path, magic: bytes, ndim: int, types: Collection[str]) -> None:
    if magic[:2] != b"\0\0":
        looks = next((f" ({name})" for start, name in OTHER_FORMATS.items() if magic.startswith(start)), "")
        found = f"must start with 00 00 08 {ndim:02x} but starts with {magic.hex(' ')}{looks}"
        raise bad_file(
            path, f"is not an IDX file: it {found}", "Put the IDX file in its place, plain or gzip."
        )
    if TYPES.get(magic[2]) not in types:
        name = TYPES.get(magic[2], "not an IDX type")
        found = f"must hold unsigned bytes (type code 0x08) but has 0x{magic[2]:02x}, {name}"
        raise bad_file(path, found, "Convert its values to unsigned bytes, or use another file.")
    if not ndim <= magic[3] <= ndim + 1:
        found = f"must have {ndim} {'dimension' if ndim == 1 else 'dimensions'} but has {magic[3]}"
        raise bad_file(
            path,
            f"{found}; images have 3 (count, height, width), labels 1",
            "Check whether two files were swapped, or write the values in this shape.",
        )


def used_axes(path: Path, declared: Declared, ndim: int) -> tuple[int | slice, ...]:
    """Return the index that selects images [count, height, width], or labels [count], from the array."""
    shape, every = declared.shape, slice(None)
    if len(shape) == ndim:
        return (every,)
    if ndim == 1:
        if shape[1] == 1 or (shape[1] == QMNIST_COLUMNS and declared.type == "int32"):
            return (every, 0)
        raise bad_file(
            path,
            f"must hold one label for each image but holds {dimensions(shape)} values",
            "Write the number of each image's class, in one dimension.",
        )
    if shape[1] == 1:
        return (every, 0)
    if shape[-1] == 1:
        return (every, every, every, 0)
    raise bad_file(
        path,
        f"must hold images of one channel, count × height × width, but holds {dimensions(shape)}",
        "Convert them to grey.",
    )


def check_declared(path: Path, declared: Declared, content: Content) -> None:
    """Raise UserError for sizes that the file cannot hold, before any memory is allocated for them."""
    if declared.size_bytes > LARGEST_BYTES:
        found = f"declares {declared}; the limit is {LARGEST_BYTES:,} bytes"
        raise bad_file(path, found, "Use a smaller set, or get the file again if its header is wrong.")
    if 4 * (1 + len(declared.shape)) + declared.size_bytes > content.most_bytes:
        raise bad_file(path, f"declares {declared}, more than {content.limit}", BROKEN)


def read_values(path: Path, declared: Declared, content: Content) -> np.ndarray:
    array = allocate(path, declared)
    flat = array.reshape(-1).view(np.uint8)
    filled = 0
    while filled < flat.size:
        values = np.frombuffer(content.read(min(CHUNK_BYTES, flat.size - filled)), np.uint8)
        if not values.size:
            raise bad_file(path, f"declares {declared} but ends after {filled:,}", BROKEN)
        flat[filled : filled + values.size] = values
        filled += values.size
    return array


def allocate(path: Path, declared: Declared) -> np.ndarray:
    """Return an array that is not zeroed: a false size costs no memory until values are written."""
    try:
        return np.empty(declared.shape, np.dtype(declared.type).newbyteorder(">"))
    except MemoryError as error:
        found = f"declares {declared}, more than this process can allocate"
        raise bad_file(path, found, "Free memory, raise its limit, or use a smaller set.") from error
