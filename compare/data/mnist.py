"""Reads, checks, splits and scales MNIST, or a set with its files and shapes. NumPy only: workers load it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compare.data.checks import Pair, check_set
from compare.data.content import printable_path
from compare.data.idx import INTEGERS, read_idx
from compare.data.locations import find_files
from lenet_spec import LeNetSpec

EMBEDDED = Path(__file__).parents[1] / "mnist"
TUTORIAL = LeNetSpec()
SET_ASIDE_ONE_IN = 12


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images uint8 [count, height, width] and labels uint8 [count], read-only. The sizes here are MNIST's."""

    train_images: np.ndarray  # [55000, 28, 28], without the validation images
    train_labels: np.ndarray  # [55000]
    validation_images: np.ndarray  # [5000, 28, 28], the first images of the file
    validation_labels: np.ndarray  # [5000]
    test_images: np.ndarray  # [10000, 28, 28]
    test_labels: np.ndarray  # [10000]
    source: str  # "MNIST" for the embedded files, else the directory
    sha256: str  # of the names, shapes and bytes of the arrays, in this order


def load(data_dir: Path | None = None, spec: LeNetSpec = TUTORIAL) -> Dataset:
    """Return the set in `data_dir`, in any layout that `find_files` knows; None: the embedded MNIST.

    The first training images (`set_aside` says how many) are for validation. Raises UserError if the files
    are not a set that the spec's network can train on.
    """
    files = find_files(EMBEDDED if data_dir is None else data_dir)
    train = read_pair(files.train_images, files.train_labels)
    test = read_pair(files.test_images, files.test_labels)
    check_set(train, test, spec)
    held_out, train_labels = set_aside(len(train.images), spec), train.labels.astype(np.uint8)
    arrays = {
        "train_images": train.images[held_out:],
        "train_labels": train_labels[held_out:],
        "validation_images": train.images[:held_out],
        "validation_labels": train_labels[:held_out],
        "test_images": test.images,
        "test_labels": test.labels.astype(np.uint8),
    }
    for array in arrays.values():
        array.flags.writeable = False
    source = "MNIST" if data_dir is None else printable_path(files.train_images.parent)
    return Dataset(**arrays, source=source, sha256=digest(arrays))


def read_pair(images_path: Path, labels_path: Path) -> Pair:
    images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1, types=INTEGERS)
    return Pair(images, labels, images_path, labels_path)


def set_aside(count: int, spec: LeNetSpec) -> int:
    """Return how many of `count` training images are for validation: 5,000, or one in twelve if that is less.

    One in twelve is MNIST's own share: 5,000 of 60,000. If there are fewer than twelve images, all train.
    """
    return min(spec.data.validation_size, count // SET_ASIDE_ONE_IN)


def digest(arrays: dict[str, np.ndarray]) -> str:
    """Return the SHA-256, in hex, of each array's name, shape and bytes."""
    sha256 = hashlib.sha256()
    for name, array in arrays.items():
        sha256.update(f"{name} {array.dtype} {array.shape}\n".encode())
        sha256.update(array.data)
    return sha256.hexdigest()


def scale(images: np.ndarray, spec: LeNetSpec) -> np.ndarray:
    """Scale uint8 [N, 28, 28] to float32 [N, 28, 28, 1] in [0, 1].

    Multiplies by float32(1/255), as TensorFlow's `read_data_sets` did. A division by 255 would give another
    last bit for 126 of the 256 values.
    """
    factor = np.float32(spec.input.pixel_scale)
    scaled: np.ndarray = np.multiply(images[..., np.newaxis], factor, dtype=np.float32)
    return scaled
