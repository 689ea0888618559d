"""Checks that arrays form a set that the network can train on. Each error names the file at fault."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compare.data.content import BROKEN, bad_file, printable_path
from lenet_spec import LeNetSpec

OTHER_SET = "Use a set with MNIST's files and shapes."
SAMPLED_IMAGES = 1_000
SWAPPED = "Check whether two files were swapped, or belong to two sets."


@dataclass(frozen=True, eq=False)
class Pair:
    """Images uint8 [count, height, width] and labels [count] of any integer type, as read; their paths."""

    images: np.ndarray
    labels: np.ndarray
    images_path: Path
    labels_path: Path


def check_set(train: Pair, test: Pair, spec: LeNetSpec) -> None:
    """Raise UserError for the first rule that the training pair or the test pair breaks."""
    for pair in (train, test):
        check_image_size(pair, spec)
        check_counts(pair)
        check_labels(pair, spec)
        check_blank(pair)
    check_training_labels(train)
    check_apart(train, test)


def check_image_size(pair: Pair, spec: LeNetSpec) -> None:
    needed, found = (spec.input.height, spec.input.width), pair.images.shape[1:]
    if found != needed:
        problem = f"images must be {needed[0]} × {needed[1]} but are {found[0]} × {found[1]}"
        raise bad_file(pair.images_path, problem, OTHER_SET)


def check_counts(pair: Pair) -> None:
    if len(pair.images) != len(pair.labels):
        problem = (
            f"must have a label for each of the {len(pair.images):,} images in "
            f"{printable_path(pair.images_path)} but has {len(pair.labels):,}"
        )
        raise bad_file(pair.labels_path, problem, SWAPPED)


def check_labels(pair: Pair, spec: LeNetSpec) -> None:
    wrong = np.flatnonzero((pair.labels < 0) | (pair.labels >= spec.classes))
    if wrong.size:
        first = int(wrong[0])
        problem = (
            f"labels must be 0 to {spec.classes - 1} but {wrong.size:,} {'is' if wrong.size == 1 else 'are'} "
            f"not; the first, at index {first:,}, is {pair.labels[first]}"
        )
        raise bad_file(pair.labels_path, problem, OTHER_SET)


def check_blank(pair: Pair) -> None:
    """Raise UserError if too many images are blank, as in a file whose download was interrupted.

    Accepts any number of blank images of one class, because a set may have such a class.
    """
    pixels = pair.images.reshape(len(pair.images), -1)
    blank = pixels.max(axis=1) == pixels.min(axis=1)
    count, classes = int(np.count_nonzero(blank)), len(np.unique(pair.labels[blank]))
    if 100 * count > len(pixels) and classes > 1:
        problem = (
            f"at most one image in 100 may be blank (all pixels equal), unless all blank images are of one "
            f"class, but {count:,} of {len(pixels):,} are blank, of {classes} classes"
        )
        raise bad_file(pair.images_path, problem, BROKEN)


def check_training_labels(train: Pair) -> None:
    if (train.labels == train.labels[0]).all():
        problem = f"must have labels of at least two classes, but every one is {train.labels[0]}"
        raise bad_file(train.labels_path, problem, OTHER_SET)


def check_apart(train: Pair, test: Pair) -> None:
    """Raise UserError if the training set and the test set are the same set."""
    if 2 * (shared := count_shared(train.images, test.images)) > (looked := len(sample(test.images))):
        problem = (
            f"test images must not be training images, but {shared:,} of {looked:,} test images are also in "
            f"{printable_path(train.images_path)}"
        )
        raise bad_file(test.images_path, problem, SWAPPED)
    check_two_files(train, test)


def count_shared(train: np.ndarray, test: np.ndarray) -> int:
    """Return how many of a sample of the test images are identical to a training image."""
    known = {zlib.crc32(image.data) for image in train}
    return sum(zlib.crc32(image.data) in known for image in sample(test))


def sample(images: np.ndarray) -> np.ndarray:
    """Return about SAMPLED_IMAGES of the images, evenly spaced."""
    return images[:: max(1, len(images) // SAMPLED_IMAGES)]


def check_two_files(train: Pair, test: Pair) -> None:
    """Raise UserError if both label files are one file. Equal labels in two files are possible."""
    try:
        same = train.labels_path.samefile(test.labels_path)
    except OSError:  # the file was removed after it was read
        same = False
    if same:
        problem = f"is the same file as {printable_path(train.labels_path)}"
        raise bad_file(test.labels_path, problem, SWAPPED)
