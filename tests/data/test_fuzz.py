"""Files that were valid once, changed at random: read exactly, or refused by name; never anything else.

A few hundred examples each here, 10,000 with HYPOTHESIS_PROFILE=fuzz (`make fuzz`).
"""

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.data.idx import read_idx
from compare.data.mnist import load, set_aside
from compare.errors import UserError
from tests.data.idx_files import SPEC, VALIDATION_SIZE, idx_bytes, pixels, small_set, write_set

Mutation = Callable[[bytes], bytes]
FRACTIONS = st.floats(0, 1)
SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, 11, 12, 27, 28, 29, 784, 2**16, 2**31, 2**32 - 1])


def at(data: bytes, fraction: float) -> int:
    """Return a position within the data, from a fraction of its length."""
    return min(int(fraction * len(data)), max(len(data) - 1, 0))


def flip_bit(fraction: float, bit: int) -> Mutation:
    """Return a change of one bit."""

    def mutate(data: bytes) -> bytes:
        changed = bytearray(data)
        if changed:
            changed[at(data, fraction)] ^= 1 << bit
        return bytes(changed)

    return mutate


def replace_range(fraction: float, length: int, new: bytes) -> Mutation:
    """Return a truncation, deletion, insertion or overwriting, by what is taken and what is put."""

    def mutate(data: bytes) -> bytes:
        start = at(data, fraction)
        return data[:start] + new + data[start + length :]

    return mutate


def set_header_field(field: int, size: int) -> Mutation:
    """Return a change of one of the header's sizes."""

    def mutate(data: bytes) -> bytes:
        return data[: 4 * field] + struct.pack(">I", size) + data[4 * field + 4 :]

    return mutate


def repeat(fraction: float) -> Mutation:
    """Return a change that adds the data's own end again."""
    return lambda data: data + data[at(data, fraction) :]


MUTATIONS = st.one_of(
    st.builds(flip_bit, FRACTIONS, st.integers(0, 7)),
    st.builds(flip_bit, st.floats(0, 0.02), st.integers(0, 7)),  # in the header
    st.builds(replace_range, FRACTIONS, st.sampled_from([0, 1, 4, 784, 10**6]), st.binary(max_size=8)),
    st.builds(set_header_field, st.integers(0, 3), SIZES | st.sampled_from([0x0801, 0x0803, 0x0804, 0x0C01])),
    st.builds(repeat, FRACTIONS),
)
CHANGES = st.lists(MUTATIONS, max_size=3)


@st.composite
def files(draw: st.DrawFn, array: np.ndarray) -> bytes:
    """Return the array's IDX file, changed: plain, changed and then packed, or packed and then changed."""
    data = idx_bytes(array)
    packing = draw(st.sampled_from(["plain", "inside gzip", "gzip"]))
    if packing == "gzip":
        data = gzip.compress(data, mtime=0)
    for mutate in draw(CHANGES):
        data = mutate(data)
    return gzip.compress(data, mtime=0) if packing == "inside gzip" else data


def variants(array: np.ndarray) -> list[np.ndarray]:
    """Return the array, and what other sound files could hold: fewer, more, other sizes, other values."""
    fewer = [array[:count] for count in (0, 1, VALIDATION_SIZE, VALIDATION_SIZE + 1, len(array) - 1)]
    values = [array // 32, array + np.uint8(6), np.zeros_like(array)]
    shapes = (
        [array[:, :27], array.reshape(-1, 14, 56), array[:, None], array[..., None]]
        if array.ndim == 3
        else []
    )
    shapes += [array[:, None], array.astype(">i4"), array.astype("i1")] if array.ndim == 1 else []
    return [array, *fewer, np.concatenate([array, array]), *values, *shapes]


def whole_content(data: bytes) -> bytes | None:
    """Return the file unpacked; None if it is not intact gzip members, padded with zeros, alone."""
    if data[:2] != b"\x1f\x8b":
        return data
    content = b""
    while data:
        decompressor = zlib.decompressobj(wbits=31)
        try:
            content += decompressor.decompress(data)
        except zlib.error:
            return None
        if not decompressor.eof:
            return None
        data = decompressor.unused_data.lstrip(b"\0")
    return content


def expected(data: bytes, ndim: int, types: str = "u") -> np.ndarray | None:
    """Return what the file holds by the letter of the format; None if it breaks it.

    types: "u" for unsigned bytes alone, "i" for signed integers too.
    """
    content = whole_content(data)
    if content is None or len(content) < 4 or content[:2] != bytes(2):
        return None
    allowed = {8: "u1"} if types == "u" else {8: "u1", 9: "i1", 0x0B: ">i2", 0x0C: ">i4"}
    code, dims = content[2:4]
    if code not in allowed or dims not in (ndim, ndim + 1) or len(content) < 4 * (1 + dims):
        return None
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dims, 4))
    values, dtype = content[4 * (1 + dims) :], np.dtype(allowed[code])
    if 0 in shape or len(values) != int(np.prod(shape, dtype=object)) * dtype.itemsize:
        return None
    array = np.frombuffer(values, dtype).reshape(shape)
    if dims == ndim:
        return array
    if ndim == 1:
        return array[:, 0] if shape[1] == 1 or (shape[1] == 8 and code == 0x0C) else None
    return array[:, 0] if shape[1] == 1 else array[..., 0] if shape[3] == 1 else None


def assert_refused(error: UserError, path: Path) -> None:
    """Check that the error names the file, on two lines."""
    assert str(path) in str(error)
    assert len(str(error).splitlines()) == 2


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place for files."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def set_directory(directory: Path) -> Path:
    """Return a directory with a sound set."""
    return write_set(directory / "set")


@given(data=files(pixels(5, 4, 3)) | files(pixels(40)), ndim=st.sampled_from([1, 3]))
def test_a_changed_file_is_read_exactly_or_refused(directory: Path, data: bytes, ndim: int) -> None:
    """It is read just where it still keeps to the format, and then as what it says."""
    path = directory / "changed"
    path.write_bytes(data)
    array = expected(data, ndim)
    if array is None:
        with pytest.raises(UserError) as raised:
            read_idx(path, ndim=ndim)
        assert_refused(raised.value, path)
        return
    read = read_idx(path, ndim=ndim)
    assert read.shape == array.shape
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@given(st.data())
def test_a_set_with_one_changed_file_is_read_exactly_or_refused(
    set_directory: Path, data: st.DataObject
) -> None:
    """The arrays are those of the four files, fit each other, and are split in the right place."""
    arrays = small_set()
    name = data.draw(st.sampled_from(sorted(arrays)))
    changed = data.draw(files(data.draw(st.sampled_from(variants(arrays[name])))))
    path = set_directory / name
    original = path.read_bytes()
    path.write_bytes(changed)
    try:
        dataset = load(set_directory, SPEC)
    except UserError as error:
        assert_refused(error, path)
        return
    finally:
        path.write_bytes(original)
    ndim = arrays[name].ndim
    held = {**arrays, name: expected(changed, ndim, "u" if ndim == 3 else "i")}
    for kind, field in (("images-idx3", "images"), ("labels-idx1", "labels")):
        train, test = held[f"train-{kind}-ubyte"], held[f"t10k-{kind}-ubyte"]
        assert train is not None
        assert test is not None
        aside = set_aside(len(train), SPEC)
        np.testing.assert_array_equal(getattr(dataset, f"validation_{field}"), train[:aside])
        np.testing.assert_array_equal(getattr(dataset, f"train_{field}"), train[aside:])
        np.testing.assert_array_equal(getattr(dataset, f"test_{field}"), test)
    assert len(dataset.train_images) == len(dataset.train_labels) > 0
    assert len(dataset.test_images) == len(dataset.test_labels) > 0
    assert dataset.train_images.shape[1:] == dataset.test_images.shape[1:] == (28, 28)
    assert max(dataset.train_labels.max(), dataset.test_labels.max()) < SPEC.classes
    for part in ("train", "test"):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        assert len(set(labels[~images.any(axis=(1, 2))])) <= 1
