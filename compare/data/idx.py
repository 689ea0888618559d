"""IDX, the format of the MNIST files.

00 00, a type code, the number of dimensions, each size as a big-endian 32-bit number, then the values.
http://yann.lecun.com/exdb/mnist/ described it.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from compare.data.content import BROKEN, CHUNK_BYTES, Content, bad_file, open_content

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
LARGEST_BYTES = 1 << 31  # 2.7 million images of 28×28; the largest set of this shape, EMNIST, has 0.8 million

# What people find under the name of an IDX file.
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


def read_idx(path: Path, *, ndim: int) -> np.ndarray:
    """Return the array in an IDX file of unsigned bytes: uint8, with `ndim` dimensions, C-contiguous.

    The file may be plain or gzip, under any name. No more of it is read than its header
    declares, plus one byte, and nothing is allocated for a size that the file cannot hold.

    Raises UserError for everything that is not exactly such a file.
    """
    with open_content(path) as content:
        shape = read_shape(path, content, ndim)
        check_declared(path, shape, content)
        array = read_values(path, shape, content)
        if content.read(1):
            raise bad_file(path, f"holds more than the {words(shape)} that its header declares", BROKEN)
        if content.follows():
            raise bad_file(
                path,
                "has data after its gzip members that is not gzip",
                "Unpack it with gzip -d, look at the result, and name that.",
            )
    return array


def read_shape(path: Path, content: Content, ndim: int) -> tuple[int, ...]:
    """Return the sizes in the header, each at least 1."""
    magic = content.read(4)
    if not magic:
        raise bad_file(path, "is empty", BROKEN)
    if len(magic) == 4:
        check_magic(path, magic, ndim)
    sizes = content.read(4 * ndim)
    if len(magic + sizes) < 4 * (1 + ndim):
        found, needed = len(magic + sizes), 4 * (1 + ndim)
        raise bad_file(path, f"ends after {found} bytes, within its header of {needed} bytes", BROKEN)
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape:
        raise bad_file(path, f"declares {words(shape)}; every size must be at least 1", BROKEN)
    return shape


def check_magic(path: Path, magic: bytes, ndim: int) -> None:
    type_code, dimensions = magic[2:4]
    if magic[:2] != b"\0\0":
        looks = next((f" ({name})" for start, name in OTHER_FORMATS.items() if magic.startswith(start)), "")
        found = f"must start with 00 00 08 {ndim:02x} but starts with {magic.hex(' ')}{looks}"
        raise bad_file(
            path, f"is not an IDX file: it {found}", "Put the IDX file in its place, plain or gzip."
        )
    if type_code != UNSIGNED_BYTE:
        name = OTHER_TYPES.get(type_code, "no type of IDX")
        found = f"must hold unsigned bytes (type code 0x08) but has 0x{type_code:02x}, {name}"
        raise bad_file(path, found, "Convert its values to unsigned bytes, or use another file.")
    if dimensions != ndim:
        found = f"must have {ndim} dimensions but has {dimensions}; images have 3, labels 1"
        raise bad_file(path, found, "Look whether two files have changed places.")


def check_declared(path: Path, shape: tuple[int, ...], content: Content) -> None:
    """Refuses sizes that the file cannot hold, before anything is allocated for them."""
    size_bytes = math.prod(shape)
    if size_bytes > LARGEST_BYTES:
        found = f"declares {words(shape)}; the most that is read is {LARGEST_BYTES:,} bytes"
        raise bad_file(path, found, "Use a smaller set, or get the file again if its header is wrong.")
    if 4 * (1 + len(shape)) + size_bytes > content.most_bytes:
        raise bad_file(path, f"declares {words(shape)}, more than {content.limit}", BROKEN)


def read_values(path: Path, shape: tuple[int, ...], content: Content) -> np.ndarray:
    array = allocate(path, shape)
    flat = array.reshape(-1)
    filled = 0
    while filled < flat.size:
        values = np.frombuffer(content.read(min(CHUNK_BYTES, flat.size - filled)), np.uint8)
        if not values.size:
            raise bad_file(path, f"declares {words(shape)} but ends after {filled:,}", BROKEN)
        flat[filled : filled + values.size] = values
        filled += values.size
    return array


def allocate(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Not zeroed: the kernel gives memory only as values arrive, so a false size in gzip costs none."""
    try:
        return np.empty(shape, np.uint8)
    except MemoryError as error:
        found = f"declares {words(shape)}, for which this process has no memory"
        raise bad_file(path, found, "Free memory, raise its limit, or use a smaller set.") from error


def words(shape: tuple[int, ...]) -> str:
    """60000 × 28 × 28 = 47,040,000 bytes."""
    if len(shape) == 1:
        return f"{shape[0]:,} bytes"
    return f"{' × '.join(map(str, shape))} = {math.prod(shape):,} bytes"
