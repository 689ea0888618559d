"""IDX files and sets of them, made for the tests."""

import dataclasses
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from compare.errors import UserError
from lenet_spec import Data, LeNetSpec

VALIDATION_SIZE = 1  # one in twelve
SPEC = dataclasses.replace(LeNetSpec(), data=Data(validation_size=VALIDATION_SIZE))


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of integers as an IDX file: of bytes, or of int8, int16 or int32."""
    code = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C}[array.dtype.name]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    """Return random bytes of a shape, the same for each seed."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def small_set() -> dict[str, np.ndarray]:
    """By the published file name: 12 training and 4 test images, with their labels."""
    return {
        "train-images-idx3-ubyte": pixels(12, 28, 28, seed=1),
        "train-labels-idx1-ubyte": np.arange(12, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte": pixels(4, 28, 28, seed=2),
        "t10k-labels-idx1-ubyte": np.arange(4, dtype=np.uint8) + 5,
    }


def write_set(directory: Path, arrays: dict[str, np.ndarray] | None = None) -> Path:
    """Return the files of a set in `directory`, which is made."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in (arrays or small_set()).items():
        (directory / name).write_bytes(idx_bytes(array))
    return directory


def assert_tells(raised: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    """Check that the message has one or two lines, ends as a sentence, and holds every part."""
    message = str(raised.value)
    assert 1 <= len(message.splitlines()) <= 2, message
    assert message.endswith("."), message
    for part in parts:
        assert part in message, message


@contextmanager
def without_root() -> Iterator[None]:
    """Permissions do not bind root: where the tests run as root, they give that up for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
