"""One IDX file read: exactly the array that it holds, or an error that names it, the rule and a way on."""

import errno
import gzip
import os
import signal
import socket
import struct
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from compare.data import content
from compare.data.idx import INTEGERS, read_idx
from compare.errors import UserError
from tests.data.idx_files import assert_tells, idx_bytes, pixels, without_root

IMAGES = pixels(5, 4, 3)
PLAIN = idx_bytes(IMAGES)
PACKED = gzip.compress(PLAIN, mtime=0)
LARGE = pixels(700, 28, 28)  # more than two chunks


def header(*sizes: int, start: bytes = b"\0\0\x08") -> bytes:
    """Return an IDX header: its first bytes, the number of dimensions, the sizes."""
    return start + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def flipped(data: bytes, position: int) -> bytes:
    """Return the data with one bit of a byte changed."""
    changed = bytearray(data)
    changed[position] ^= 0x10
    return bytes(changed)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Fail a read that would wait for ever."""

    def fail(*_: object) -> None:
        raise AssertionError("the read hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def peak_bytes_below(limit: int) -> Iterator[None]:
    """Check that a block allocates less than so many bytes at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["images", "images.gz", "images-idx3-ubyte"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("array", [IMAGES, LARGE, pixels(9)], ids=["small", "large", "labels"])
def test_what_was_written_is_read(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], array: np.ndarray
) -> None:
    """Plain or gzip is told by content, whatever the name; the array owns its writable memory."""
    path = tmp_path / name
    path.write_bytes(pack(idx_bytes(array)))
    read = read_idx(path, ndim=array.ndim)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous


@pytest.mark.parametrize("position", [4, 5, 6, 7, 9], ids=["mtime", "mtime", "mtime", "mtime", "os"])
def test_what_gzip_notes_beside_the_content_does_not_matter(tmp_path: Path, position: int) -> None:
    """Time stamp and operating system in gzip's header may be anything."""
    path = tmp_path / "images.gz"
    path.write_bytes(flipped(PACKED, position))
    np.testing.assert_array_equal(read_idx(path, ndim=3), IMAGES)


def test_a_changed_pixel_is_returned_as_it_is(tmp_path: Path) -> None:
    """Plain IDX has no checksum: its pixels are what the file says."""
    path = tmp_path / "images"
    path.write_bytes(flipped(PLAIN, 16))
    expected = IMAGES.copy()
    expected[0, 0, 0] ^= 0x10
    np.testing.assert_array_equal(read_idx(path, ndim=3), expected)


REFUSED_PLAIN = {
    "empty": (b"", "is empty"),
    "header of 1 byte": (PLAIN[:1], "ends after 1 byte, within its header of 16 bytes"),
    "header cut": (PLAIN[:15], "ends after 15 bytes, within its header"),
    "little-endian": (b"\x03\x08\0\0" + PLAIN[4:], "must start with 00 00 08 03 but starts with 03 08 00 00"),
    "zip": (b"PK\x03\x04" + PLAIN, "(a zip archive)"),
    "xz": (b"\xfd7zXZ\0" + PLAIN, "(an xz file)"),
    "web page": (b"<!DOCTYPE html>", "(perhaps a web page)"),
    "Git LFS pointer": (b"version https://", "(perhaps a Git LFS pointer)"),
    "int32": (b"\0\0\x0c" + PLAIN[3:], "has 0x0c, int32"),
    "unknown type": (b"\0\0\x07" + PLAIN[3:], "has 0x07, not an IDX type"),
    "labels": (idx_bytes(pixels(9)), "must have 3 dimensions but has 1"),
    "3 channels first": (
        header(5, 3, 4, 3) + bytes(180),
        "images of one channel, count × height × width, but",
    ),
    "3 channels last": (header(5, 4, 3, 3) + bytes(180), "but holds 5 × 4 × 3 × 3"),
    "5 dimensions": (header(5, 4, 3, 1, 1) + bytes(60), "must have 3 dimensions but has 5"),
    "flat images": (
        header(5, 12) + bytes(60),
        "must have 3 dimensions but has 2; images have 3 (count, height",
    ),
    "no images": (header(0, 4, 3), "declares 0 × 4 × 3 = 0 bytes; every size must be at least 1"),
    "no pixels": (header(2**32 - 1, 2**32 - 1, 0), "every size must be at least 1"),
    "cut short": (PLAIN[:-1], "declares 5 × 4 × 3 = 60 bytes, more than the 75 bytes of the file"),
    "header alone": (PLAIN[:16], "more than the 16 bytes of the file"),
    "too long": (PLAIN + b"\0", "holds more than the 5 × 4 × 3 = 60 bytes that its header declares"),
    "2**31 images": (header(2**31, 28, 28) + bytes(99), "the limit is 2,147,483,648 bytes"),
    "largest sizes": (header(*[2**32 - 1] * 3) + bytes(99), "the limit is"),
    "a gigabyte": (header(2**20, 32, 32) + bytes(99), "more than the 115 bytes of the file"),
}


@pytest.mark.parametrize(("data", "problem"), REFUSED_PLAIN.values(), ids=REFUSED_PLAIN)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_malformed_file_is_refused(tmp_path: Path, data: bytes, problem: str, packed: bool) -> None:
    """Structure and sizes are checked alike within gzip, and nothing is allocated for a false size."""
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(data) if packed else data)
    with peak_bytes_below(2_000_000), pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    if packed and problem.endswith("bytes of the file"):  # not known without unpacking
        problem = "declares"
    assert_tells(raised, str(path), problem)


REFUSED_GZIP = {
    "magic alone": (PACKED[:2], "is gzip that is cut short"),
    "cut in its header": (PACKED[:9], "is gzip that is cut short"),
    "cut in its data": (PACKED[:40], "is gzip that is cut short"),
    "cut in its checksum": (PACKED[:-6], "is gzip that is cut short"),
    "cut in its length": (PACKED[:-1], "is gzip that is cut short"),
    "wrong checksum": (flipped(PACKED, -8), "cannot be unpacked: incorrect data check"),
    "wrong length": (flipped(PACKED, -1), "cannot be unpacked: incorrect length check"),
    "wrong data": (flipped(PACKED, 40), "cannot be unpacked"),
    "unknown method": (flipped(PACKED, 2), "cannot be unpacked: unknown compression method"),
    "garbage after it": (PACKED + b"garbage", "has data after its gzip members that is not gzip"),
    "garbage after zeros": (PACKED + bytes(512) + b"x", "has data after its gzip members that is not gzip"),
    "a second member cut": (gzip.compress(PLAIN[:30]) + gzip.compress(PLAIN[30:])[:-9], "that is cut short"),
    "a second member's header alone": (PACKED + PACKED[:3], "is gzip that is cut short"),
    "a second member broken": (
        gzip.compress(PLAIN[:30]) + flipped(gzip.compress(PLAIN[30:]), -8),
        "cannot be unpacked: incorrect data check",
    ),
    "the whole twice": (PACKED + PACKED, "holds more than the 5 × 4 × 3 = 60 bytes"),
    "members too few": (gzip.compress(PLAIN[:30]) + gzip.compress(PLAIN[30:-1]), "but ends after 59"),
    "gzip in gzip": (gzip.compress(PACKED), "(gzip inside gzip)"),
    "more declared": (gzip.compress(header(50, 4, 3) + bytes(60)), "600 bytes but ends after 60"),
    "fewer declared": (
        gzip.compress(header(4, 4, 3) + bytes(60)),
        "holds more than the 4 × 4 × 3 = 48 bytes",
    ),
    "more than gzip can hold": (gzip.compress(header(99_999, 4, 3)), "more than gzip can pack into the"),
}


REFUSED_LABELS = {
    "one-hot": (idx_bytes(pixels(5, 10)), "must hold one label for each image but holds 5 × 10 values"),
    "eight columns of bytes": (idx_bytes(pixels(5, 8)), "but holds 5 × 8 values"),
    "images": (PLAIN, "must have 1 dimension but has 3"),
    "floats": (b"\0\0\x0d\x01" + bytes(8), "has 0x0d, float32"),
    "int32, cut": (idx_bytes(pixels(5).astype(">i4"))[:-1], "declares 5 int32 = 20 bytes, more than the 27"),
    "int32, too long": (idx_bytes(pixels(5).astype(">i4")) + b"\0", "more than the 5 int32 = 20 bytes that"),
}


@pytest.mark.parametrize(("data", "problem"), REFUSED_LABELS.values(), ids=REFUSED_LABELS)
def test_labels_that_are_none_are_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """One integer for each image, in one dimension."""
    path = tmp_path / "labels"
    path.write_bytes(data)
    with pytest.raises(UserError) as raised:
        read_idx(path, ndim=1, types=INTEGERS)
    assert_tells(raised, str(path), problem)


@pytest.mark.parametrize(("data", "problem"), REFUSED_GZIP.values(), ids=REFUSED_GZIP)
def test_broken_gzip_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """Cut, changed, followed by anything, or holding another size than its header declares."""
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    with pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    assert_tells(raised, str(path), problem)


def in_members(data: bytes, size: int) -> bytes:
    """Compress in members of `size` bytes each."""
    return b"".join(gzip.compress(data[start : start + size]) for start in range(0, len(data), size))


EMPTY_MEMBER = gzip.compress(b"")  # what bgzip ends a file with
MEMBERS = {
    "bgzip": in_members(idx_bytes(LARGE), 65_280) + EMPTY_MEMBER,
    "one byte each": in_members(idx_bytes(LARGE[:1]), 1),
    "empty ones between": EMPTY_MEMBER
    + EMPTY_MEMBER.join([gzip.compress(idx_bytes(LARGE)[:9_999]), gzip.compress(idx_bytes(LARGE)[9_999:])]),
    "zeros at the end": gzip.compress(idx_bytes(LARGE)) + bytes(300_000),
    "zeros between": gzip.compress(idx_bytes(LARGE)[:99]) + bytes(512) + gzip.compress(idx_bytes(LARGE)[99:]),
    "plain `cat`": gzip.compress(idx_bytes(LARGE)[:16]) + gzip.compress(idx_bytes(LARGE)[16:]),
}


@pytest.mark.parametrize("data", MEMBERS.values(), ids=MEMBERS)
@pytest.mark.parametrize("chunk", [1 << 18, 7])
def test_several_members_are_one_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, chunk: int
) -> None:
    """As zcat reads them, wherever a member or a chunk of the file ends."""
    monkeypatch.setattr(content, "CHUNK_BYTES", chunk)
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    read = read_idx(path, ndim=3)
    np.testing.assert_array_equal(read, LARGE[: len(read)])
    assert len(read) in (1, len(LARGE))


@pytest.mark.parametrize("split", [60, 76])
def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, split: int) -> None:
    """Of 64 MiB behind a header that declares 60 bytes, hardly more than those are unpacked."""
    path = tmp_path / "images.gz"
    bomb = PLAIN + bytes(64 << 20)
    path.write_bytes(gzip.compress(bomb[:split], 1) + gzip.compress(bomb[split:], 1))
    with peak_bytes_below(2_000_000), pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    assert_tells(raised, "holds more than")


def make_directory(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def make_link_loop(path: Path) -> None:
    """Put a link to itself there."""
    path.symlink_to(path)


def make_socket(path: Path) -> None:
    """Put a socket there."""
    with socket.socket(socket.AF_UNIX) as server:
        # A socket's address is at most 108 bytes, which pytest's directories can exceed.
        here = os.open(path.parent, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "cannot be read: No such file or directory"),
        (make_directory, "must be a regular file but is a directory"),
        (os.mkfifo, "must be a regular file but is a pipe"),
        (make_socket, "cannot be read: No such device or address"),
        (lambda path: path.symlink_to("/dev/zero"), "must be a regular file but is a device"),
        (lambda path: path.symlink_to("/dev/null"), "must be a regular file but is a device"),
        (lambda path: path.symlink_to("gone"), "is a link to gone, which does not exist"),
        (make_link_loop, "cannot be read: Too many levels of symbolic links"),
    ],
    ids=["missing", "directory", "FIFO", "socket", "/dev/zero", "/dev/null", "broken link", "link loop"],
)
def test_what_is_not_a_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object], problem: str
) -> None:
    """Nothing that is not a regular file is read from, and none is waited for."""
    path = tmp_path / "images"
    make(path)
    with pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    assert_tells(raised, str(path), problem)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    """Data sets are often linked into place."""
    (tmp_path / "file").write_bytes(PLAIN)
    (tmp_path / "link").symlink_to("file")
    np.testing.assert_array_equal(read_idx(tmp_path / "link", ndim=3), IMAGES)


def test_a_file_without_permission_is_refused() -> None:
    """What the user may not read is said to be so."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory) / "images"
        path.write_bytes(PLAIN)
        path.chmod(0)
        with without_root(), pytest.raises(UserError) as raised:
            read_idx(path, ndim=3)
    assert_tells(
        raised, str(path), "cannot be read: Permission denied", "Name a file that this user can read"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [("nul\0name", r"nul\x00name"), ("n" * 300, "File name too long"), ("two\nlines", r"two\nlines'")],
)
def test_a_name_that_no_message_could_hold_is_escaped(tmp_path: Path, name: str, shown: str) -> None:
    """A line break or a NUL in a name neither garbles the message nor ends in a traceback."""
    with pytest.raises(UserError) as raised:
        read_idx(tmp_path / name, ndim=3)
    assert_tells(raised, shown)


def test_a_read_that_fails_half_way_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing disk is reported like any other fault of the file."""

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "images"
    path.write_bytes(PLAIN)
    monkeypatch.setattr(content.Plain, "read", fail)
    with pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    assert_tells(raised, str(path), "cannot be read: Input/output error")


def test_a_set_larger_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the array cannot be allocated, the message says how large it would be."""

    def fail(*_: object) -> None:
        raise MemoryError

    path = tmp_path / "images"
    path.write_bytes(PLAIN)
    monkeypatch.setattr(np, "empty", fail)
    with pytest.raises(UserError) as raised:
        read_idx(path, ndim=3)
    assert_tells(raised, str(path), "60 bytes, more than this process can allocate")


def test_the_bound_on_gzip_is_never_below_what_gzip_holds() -> None:
    """Zeros, which deflate packs best, stay within 1,032 bytes for each byte of the file."""
    for size in (1, 1_000, 1_000_000, 20_000_000):
        assert len(zlib.compress(bytes(size), 9, wbits=content.GZIP_FORMAT)) * 1032 >= size
