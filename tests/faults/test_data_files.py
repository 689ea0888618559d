"""Every malformed data set is refused, and the message names the file. Doubtful sets give a warning."""

from __future__ import annotations

import dataclasses
import gzip
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compare.data.idx import read_idx
from compare.data.mnist import EMBEDDED, Dataset, load
from compare.data.pairing import doubts
from compare.errors import UserError
from tests.commands import assert_refused, command
from tests.data.idx_files import SPEC, idx_bytes, pixels, small_set, without_root, write_set
from tests.faults.recording import Fault

FAULTS = "Data sets"
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SURVIVES = "everything: nothing was started or written; exit status 2"
Change = Callable[[Path], None]


def content(name: str, change: Callable[[bytes], bytes]) -> Change:
    """Return a change of a file's content."""

    def apply(directory: Path) -> None:
        path = directory / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def arrays(**changed: np.ndarray) -> Change:
    """Return a change that replaces arrays, by role: train_images and so on."""
    names = {"train_images": TRAIN_IMAGES, "train_labels": TRAIN_LABELS}
    names |= {"test_images": TEST_IMAGES, "test_labels": TEST_LABELS}
    return lambda directory: [  # type: ignore[return-value]
        (directory / names[role]).write_bytes(idx_bytes(array)) for role, array in changed.items()
    ]


def replaced(name: str, make: Callable[[Path], object]) -> Change:
    """Return a change that puts something else in a file's place."""

    def apply(directory: Path) -> None:
        (directory / name).unlink()
        make(directory / name)

    return apply


def swapped(one: str, other: str) -> Change:
    """Return a change that gives two files each other's content."""

    def apply(directory: Path) -> None:
        first, second = (directory / one).read_bytes(), (directory / other).read_bytes()
        (directory / one).write_bytes(second)
        (directory / other).write_bytes(first)

    return apply


def both(*changes: Change) -> Change:
    """Return several changes as one."""
    return lambda directory: [change(directory) for change in changes]  # type: ignore[return-value]


def other_name(directory: Path) -> None:
    """Put a second file of training images there, under the other name."""
    (directory / "train-images.idx3-ubyte").write_bytes(b"other")


def other_format(directory: Path) -> None:
    """Put what Keras downloads in place of the four files."""
    for path in directory.iterdir():
        path.unlink()
    (directory / "mnist.npz").touch()


def misspelt(directory: Path) -> None:
    """Misspell the name of one file."""
    (directory / TRAIN_LABELS).rename(directory / "train-lables-idx1-ubyte")


def emnist(directory: Path) -> None:
    """Put two sets side by side."""
    for path in list(directory.iterdir()):
        for name in ("digits", "letters"):
            (directory / f"emnist-{name}-{path.name}").write_bytes(path.read_bytes())
        path.unlink()


def cut_gzip(data: bytes) -> bytes:
    """Return the data packed and cut short."""
    return gzip.compress(data, mtime=0)[:-20]


def huge(data: bytes) -> bytes:
    """Return the data with 2**32 - 1 images declared in its header."""
    return data[:4] + struct.pack(">I", 2**32 - 1) + data[8:]


def bomb(data: bytes) -> bytes:
    """Return the data packed, with 32 MiB of zeros behind it."""
    return gzip.compress(data + bytes(32 << 20), 1, mtime=0)


SMALL = small_set()


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """Load the embedded set."""
    return load()


REFUSED: dict[str, tuple[Change, str]] = {
    "A file is missing": (replaced(TRAIN_LABELS, lambda _: None), "train labels are missing"),
    "A file is empty": (content(TRAIN_IMAGES, lambda _: b""), "is empty"),
    "A file is cut short": (content(TRAIN_IMAGES, lambda data: data[:-1]), "more than the 9,423 bytes"),
    "A set in another format": (other_format, "the directory holds mnist.npz"),
    "A file under a misspelt name": (misspelt, "holds t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, t"),
    "Several sets in one directory": (emnist, "only one of these files may exist: emnist-digits, "),
    "Images of three channels": (arrays(train_images=pixels(12, 28, 28, 3)), "images of one channel"),
    "Labels that are one-hot": (arrays(test_labels=pixels(4, 10)), "one label for each image"),
    "A gzip file followed by something else": (
        content(TRAIN_IMAGES, lambda data: gzip.compress(data, mtime=0) + b"else"),
        "data after its gzip members that is not gzip",
    ),
    "A file is too long": (content(TEST_LABELS, lambda data: data + b"\0"), "holds more than"),
    "A gzip file is cut short": (content(TRAIN_IMAGES, cut_gzip), "is gzip that is cut short"),
    "A gzip file is damaged": (
        content(TRAIN_LABELS, lambda data: gzip.compress(data, mtime=0)[:-8] + bytes(8)),
        "incorrect data check",
    ),
    "A gzip bomb": (content(TRAIN_IMAGES, bomb), "holds more than"),
    "A header that declares four billion images": (content(TRAIN_IMAGES, huge), "the limit is"),
    "A web page with the name of a file": (
        content(TRAIN_IMAGES, lambda _: b"<html>not found"),
        "perhaps a web page",
    ),
    "A Git LFS pointer": (content(TRAIN_IMAGES, lambda _: b"version https://git-lfs"), "Git LFS pointer"),
    "Images and labels swapped": (
        swapped(TRAIN_IMAGES, TRAIN_LABELS),
        "must have 3 dimensions",
    ),
    "The training labels with the test images": (swapped(TRAIN_LABELS, TEST_LABELS), "has 4"),
    "Training images in the test set": (
        arrays(test_images=SMALL[TRAIN_IMAGES][[8, 2, 5, 9]]),
        "test images must not be training images",
    ),
    "One label too few": (arrays(train_labels=SMALL[TRAIN_LABELS][:11]), "but has 11"),
    "Labels of 26 letters": (arrays(test_labels=np.array([1, 9, 17, 26], np.uint8)), "labels must be 0 to 9"),
    "Images of another size": (arrays(train_images=pixels(12, 32, 32)), "must be 28 × 28 but are 32 × 32"),
    "Images that are blank from one image on": (
        arrays(train_images=np.concatenate([SMALL[TRAIN_IMAGES][:9], np.zeros((3, 28, 28), np.uint8)])),
        "3 of 12 are",
    ),
    "A directory in place of a file": (replaced(TRAIN_IMAGES, Path.mkdir), "but is a directory"),
    "A pipe in place of a file": (replaced(TRAIN_IMAGES, os.mkfifo), "but is a pipe"),
    "A link to a file that does not exist": (
        replaced(TRAIN_IMAGES, lambda path: path.symlink_to("gone")),
        "is a link to gone",
    ),
    "A link to itself": (replaced(TRAIN_IMAGES, lambda path: path.symlink_to(path)), "Too many levels"),
    "Two files with the same role": (other_name, "only one of these files may exist"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_set_is_refused(tmp_path: Path, what: str, fault: Fault) -> None:
    """The message gives path, rule, value and what to do, in two lines."""
    change, said = REFUSED[what]
    directory = write_set(tmp_path / "data")
    change(directory)
    with pytest.raises(UserError) as raised:
        load(directory, SPEC)
    message = str(raised.value)
    assert said in message
    assert str(directory) in message
    assert len(message.splitlines()) == 2
    fault(what, seen=f"error: {message}", survives=SURVIVES)


def test_the_command_says_it(tmp_path: Path, fault: Fault) -> None:
    """The command names a directory that does not exist, and writes nothing."""
    out = tmp_path / "out"
    done = command("--data-dir", tmp_path / "gone", "--out", out)
    said = assert_refused(done, str(tmp_path / "gone"), "there is no such directory")
    assert not out.exists()
    fault("The directory does not exist", seen=said, survives=SURVIVES)


def test_a_file_that_may_not_be_read(fault: Fault) -> None:
    """The message says that permission is denied; root gives up its privilege for this test."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        path = write_set(Path(place) / "data") / TRAIN_IMAGES
        path.chmod(0)
        with without_root(), pytest.raises(UserError, match="Permission denied") as raised:
            load(path.parent, SPEC)
        seen = str(raised.value).replace(place, "DIR")
    fault("A file that this user may not read", seen=f"error: {seen}", survives=SURVIVES)


def in_members(data: bytes) -> bytes:
    """Compress as bgzip does."""
    return b"".join(gzip.compress(data[at : at + 65_280]) for at in range(0, len(data), 65_280))


def with_test_for_t10k(directory: Path) -> None:
    """Name the test files as EMNIST does."""
    for path in list(directory.glob("t10k-*")):
        path.rename(directory / path.name.replace("t10k", "test"))


TAKEN: dict[str, Change] = {
    "Gzip of several members, as bgzip writes it": content(TRAIN_IMAGES, in_members),
    "Gzip that is followed by zeros": content(TRAIN_IMAGES, lambda data: gzip.compress(data) + bytes(512)),
    "Names with `test-` for `t10k-`": with_test_for_t10k,
    "Images with a channel axis, N × 1 × 28 × 28 or N × 28 × 28 × 1": both(
        arrays(train_images=SMALL[TRAIN_IMAGES][:, np.newaxis]),
        arrays(test_images=SMALL[TEST_IMAGES][..., np.newaxis]),
    ),
    "Labels of four bytes each": arrays(train_labels=SMALL[TRAIN_LABELS].astype(">i4")),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_other_tools_write_is_read(tmp_path: Path, what: str, fault: Fault) -> None:
    """Other tools' forms of the files give the same set as the published form."""
    TAKEN[what](write_set(tmp_path / "data"))
    assert load(tmp_path / "data", SPEC).sha256 == load(write_set(tmp_path / "usual"), SPEC).sha256
    fault(what, words="nothing: it is read", survives="the run")


def mnist_with(directory: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    """Write the embedded set with one file changed, and load it."""
    directory.mkdir()
    for path in EMBEDDED.glob("*.gz"):
        (directory / path.name).symlink_to(path)
    path = directory / f"{name}.gz"
    array = read_idx(path, ndim=3 if "images" in name else 1)
    path.unlink()
    path.write_bytes(gzip.compress(idx_bytes(change(array)), 1))
    return load(directory)


def test_labels_of_other_images_are_a_warning(tmp_path: Path, fault: Fault) -> None:
    """The nearest images show wrong labels. This is only a warning, because sets of noise are allowed."""
    dataset = mnist_with(tmp_path / "data", TEST_LABELS, lambda labels: np.roll(labels, 1))
    (said,) = doubts(dataset)
    fault(
        "Labels in another order than their images",
        seen=f"warning: {said}",
        survives="the run, with a warning",
    )


@pytest.mark.parametrize(
    ("what", "order"),
    [
        ("A set that is sorted by class", lambda labels: np.argsort(labels, kind="stable")),
        (
            "A set with 90 % of one class",
            lambda labels: np.r_[np.flatnonzero(labels == 1)[:900], np.flatnonzero(labels != 1)[:100]],
        ),
    ],
)
def test_right_labels_are_no_warning(
    mnist: Dataset, what: str, order: Callable[[np.ndarray], np.ndarray], fault: Fault
) -> None:
    """Right labels give no warning, for any order and any shares of the classes."""
    train, test = order(mnist.train_labels), order(mnist.test_labels)
    dataset = dataclasses.replace(
        mnist,
        train_images=mnist.train_images[train],
        train_labels=mnist.train_labels[train],
        test_images=mnist.test_images[test],
        test_labels=mnist.test_labels[test],
    )
    assert doubts(dataset) == []
    fault(what, words="nothing: labels are doubted only if chance explains them", survives="the run")


def test_training_set_and_test_set_in_each_others_place_are_a_warning(tmp_path: Path, fault: Fault) -> None:
    """Swapped sets give only a warning: a part of MNIST with all its test images is legitimate."""
    directory = write_set(tmp_path / "data")
    both(swapped(TRAIN_IMAGES, TEST_IMAGES), swapped(TRAIN_LABELS, TEST_LABELS))(directory)
    (said,) = doubts(load(directory, SPEC))
    fault(
        "Training set and test set swapped",
        seen=f"warning: {said}",
        survives="the run, with a warning",
    )


def test_transposed_images_are_not_told_from_others(fault: Fault) -> None:
    """Transposed images, such as EMNIST's, are accepted, because both sides learn the same images."""
    images, labels = pixels(20, 28, 28), (np.arange(20) % 10).astype(np.uint8)
    with tempfile.TemporaryDirectory() as place:
        sets = {
            TRAIN_IMAGES: images.transpose(0, 2, 1),
            TRAIN_LABELS: labels,
            TEST_IMAGES: SMALL[TEST_IMAGES],
        }
        dataset = load(write_set(Path(place), sets | {TEST_LABELS: SMALL[TEST_LABELS]}), SPEC)
    assert len(dataset.train_images) == 19
    fault(
        "Images that are transposed, as EMNIST's are",
        words="nothing: no file shows it",
        survives="the comparison, because both sides learn the same images",
    )
