"""The data set: the embedded MNIST, the rules that a set must keep, the split and the scaling."""

import dataclasses
import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from compare.data.idx import read_idx
from compare.data.mnist import EMBEDDED, Dataset, load, scale, set_aside
from compare.errors import UserError
from lenet_spec import Data, LeNetSpec
from tests.data.idx_files import (
    SPEC,
    VALIDATION_SIZE,
    assert_tells,
    idx_bytes,
    pixels,
    small_set,
    write_set,
)

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """Return the embedded data set."""
    return load()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return a set of 12 training and 4 test images, as it is loaded."""
    return load(write_set(tmp_path_factory.mktemp("small")), SPEC)


def test_the_embedded_files_are_the_canonical_ones() -> None:
    """Unpacked they have the MD5s that their README states."""
    stated = dict(re.findall(r"^([0-9a-f]{32})  (\S+)$", (EMBEDDED / "README.md").read_text(), re.MULTILINE))
    found = {
        hashlib.md5(gzip.decompress(path.read_bytes()), usedforsecurity=False).hexdigest(): path.stem
        for path in EMBEDDED.glob("*.gz")
    }
    assert found == stated
    assert len(stated) == 4


def test_the_embedded_set_has_mnists_sizes(mnist: Dataset) -> None:
    """55,000 images train, 5,000 are set aside, 10,000 test."""
    for part, count in (("train", 55_000), ("validation", 5_000), ("test", 10_000)):
        images, labels = getattr(mnist, f"{part}_images"), getattr(mnist, f"{part}_labels")
        assert images.shape == (count, 28, 28)
        assert labels.shape == (count,)
        assert images.dtype == labels.dtype == np.uint8
        assert set(labels) == set(range(10))
    assert mnist.source == "MNIST"


def test_the_first_training_images_are_set_aside(mnist: Dataset) -> None:
    """Validation is the first 5,000 of the file, as `read_data_sets` split it; no image is lost or moved."""
    images = read_idx(EMBEDDED / f"{TRAIN_IMAGES}.gz", ndim=3)
    labels = read_idx(EMBEDDED / f"{TRAIN_LABELS}.gz", ndim=1)
    np.testing.assert_array_equal(mnist.validation_images, images[:5_000])
    np.testing.assert_array_equal(mnist.validation_labels, labels[:5_000])
    np.testing.assert_array_equal(mnist.train_images, images[5_000:])
    np.testing.assert_array_equal(mnist.train_labels, labels[5_000:])
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]  # as every MNIST tutorial shows them


def test_nothing_need_be_set_aside(tmp_path: Path) -> None:
    """With a validation size of 0 the whole file trains."""
    spec = dataclasses.replace(SPEC, data=Data(validation_size=0))
    dataset = load(write_set(tmp_path), spec)
    assert len(dataset.train_images) == 12
    assert dataset.validation_images.shape == (0, 28, 28)


def test_the_digest_of_the_embedded_set(mnist: Dataset) -> None:
    """A literal value: parent and worker, today and tomorrow, train on the same bytes."""
    assert mnist.sha256 == "ae7d4a3f80cc9bcbbaaf16e5fe57ccfc21d9f84de731c4d59351d16aa656b8cb"


@pytest.mark.parametrize("name", [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS])
def test_the_digest_covers_every_file(tmp_path: Path, small: Dataset, name: str) -> None:
    """One changed value in any of the four files changes it."""
    arrays = small_set()
    arrays[name].flat[-1] ^= 1
    assert load(write_set(tmp_path, arrays), SPEC).sha256 != small.sha256


def test_the_digest_covers_the_split(tmp_path: Path, small: Dataset) -> None:
    """The same files with another validation size are another set."""
    spec = dataclasses.replace(SPEC, data=Data(validation_size=VALIDATION_SIZE - 1))
    assert load(write_set(tmp_path), spec).sha256 != small.sha256


def test_the_digest_does_not_depend_on_place_or_packing(tmp_path: Path, small: Dataset) -> None:
    """Gzip files elsewhere hold the same set."""
    write_set(tmp_path)
    for path in list(tmp_path.iterdir()):
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    dataset = load(tmp_path, SPEC)
    assert dataset.sha256 == small.sha256
    assert dataset.source == str(tmp_path)


def test_a_loaded_set_cannot_be_changed(small: Dataset) -> None:
    """Else its digest could become false."""
    for field in ("train_images", "train_labels", "validation_images", "test_images", "test_labels"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(small, field)[:] = 0


def test_pixels_are_multiplied_not_divided() -> None:
    """pixel × float32(1/255) for every value, which division by 255 misses in 126 of the 256."""
    values = np.arange(256, dtype=np.uint8)
    images = np.zeros((1, 28, 28), np.uint8)
    images.flat[:256] = values
    scaled = scale(images, LeNetSpec())
    assert scaled.dtype == np.float32
    assert scaled.shape == (1, 28, 28, 1)
    expected = np.array([np.float32(int(value)) * np.float32(1 / 255) for value in values])
    np.testing.assert_array_equal(scaled.reshape(-1)[:256], expected)
    divided = values.astype(np.float32) / np.float32(255)
    assert np.count_nonzero(scaled.reshape(-1)[:256] != divided) == 126
    assert scaled.flags.c_contiguous


def test_scaling_keeps_every_pixel_in_its_place() -> None:
    """Image, row and column stay; the channel is added last."""
    images = pixels(3, 28, 28)
    scaled = scale(images, LeNetSpec())
    np.testing.assert_array_equal(np.rint(scaled[..., 0] * 255).astype(np.uint8), images)


def changed(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    """Return a small set with some of its arrays replaced."""
    names = {"train_images": TRAIN_IMAGES, "train_labels": TRAIN_LABELS}
    names |= {"test_images": TEST_IMAGES, "test_labels": TEST_LABELS}
    return small_set() | {names[key]: array for key, array in arrays.items()}


def swapped(one: str, other: str) -> dict[str, np.ndarray]:
    """Return a small set with two of its arrays in each other's place."""
    arrays = small_set()
    return arrays | {one: arrays[other], other: arrays[one]}


def trained_on_test() -> dict[str, np.ndarray]:
    """Return a small set whose test images are its training images."""
    arrays = small_set()
    return arrays | {TEST_IMAGES: arrays[TRAIN_IMAGES], TEST_LABELS: arrays[TRAIN_LABELS]}


LABELS = np.arange(12, dtype=np.uint8) % 10
TWO_BLANK = np.concatenate([pixels(2, 28, 28), np.full((2, 28, 28), 7, np.uint8)])

REFUSED = {
    "images of 32 × 32": (
        changed(train_images=pixels(12, 32, 32)),
        (TRAIN_IMAGES, "images must be 28 × 28 but are 32 × 32"),
    ),
    "test images of 28 × 27": (
        changed(test_images=pixels(4, 28, 27)),
        (TEST_IMAGES, "images must be 28 × 28 but are 28 × 27"),
    ),
    "a training label too few": (
        changed(train_labels=LABELS[:11]),
        (TRAIN_LABELS, TRAIN_IMAGES, "each of the 12 images", "has 11"),
    ),
    "a test label too many": (
        changed(test_labels=LABELS[:5]),
        (TEST_LABELS, TEST_IMAGES, "each of the 4 images", "has 5"),
    ),
    "a training label of 10": (
        changed(train_labels=np.where(LABELS == 7, 10, LABELS).astype(np.uint8)),
        (TRAIN_LABELS, "labels must be 0 to 9 but 1 is not; the first, at index 7, is 10"),
    ),
    "test labels of 26 letters": (
        changed(test_labels=np.array([1, 9, 17, 26], np.uint8)),
        (TEST_LABELS, "labels must be 0 to 9 but 2 are not; the first, at index 2, is 17"),
    ),
    "blank training images": (
        changed(train_images=np.zeros((12, 28, 28), np.uint8)),
        (TRAIN_IMAGES, "image in 100 may be blank (all pixels equal)", "12 of 12 are blank, of 10 classes"),
    ),
    "grey test images": (changed(test_images=TWO_BLANK), (TEST_IMAGES, "2 of 4 are blank, of 2 classes")),
    "training labels of one class": (
        changed(train_labels=np.full(12, 3, np.uint8)),
        (TRAIN_LABELS, "must have labels of at least two classes, but every one is 3"),
    ),
    "images and labels swapped": (
        swapped(TRAIN_IMAGES, TRAIN_LABELS),
        (TRAIN_IMAGES, "must have 3 dimensions but has 1"),
    ),
    "labels of the two sets swapped": (swapped(TRAIN_LABELS, TEST_LABELS), (TRAIN_LABELS, "has 4")),
    "the training set as test set": (
        trained_on_test(),
        (TEST_IMAGES, TRAIN_IMAGES, "test images must not be training images, but 12 of 12 test images are"),
    ),
    "the start of the training set as test set": (
        changed(test_images=small_set()[TRAIN_IMAGES][:4]),
        (TEST_IMAGES, TRAIN_IMAGES, "test images must not be training images"),
    ),
    "training images in another order as test set": (
        changed(test_images=small_set()[TRAIN_IMAGES][[7, 3, 11, 5]]),
        (TEST_IMAGES, TRAIN_IMAGES, "4 of 4 test images are also in"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "parts"), REFUSED.values(), ids=REFUSED)
def test_a_set_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], parts: tuple[str, ...]
) -> None:
    """The message names the file that breaks the rule, the rule, and what was found."""
    with pytest.raises(UserError) as raised:
        load(write_set(tmp_path, arrays), SPEC)
    assert_tells(raised, str(tmp_path / parts[0]), *parts[1:])


def test_one_file_in_two_places_is_refused(tmp_path: Path) -> None:
    """Labels that are a link to the other labels are not a second set, even where their count fits."""
    arrays = changed(test_images=pixels(12, 28, 28, seed=9), test_labels=LABELS)
    write_set(tmp_path, arrays)
    (tmp_path / TEST_LABELS).unlink()
    (tmp_path / TEST_LABELS).symlink_to(tmp_path / TRAIN_LABELS)
    with pytest.raises(UserError) as raised:
        load(tmp_path, SPEC)
    assert_tells(raised, str(tmp_path / TEST_LABELS), f"is the same file as {tmp_path / TRAIN_LABELS}")


def test_one_blank_image_in_a_hundred_is_let_through(tmp_path: Path) -> None:
    """A set may have a few; a file with a blank tail is not such a set."""
    images, labels = pixels(200, 28, 28), np.arange(200, dtype=np.uint8) % 10
    images[-2:] = 0
    load(write_set(tmp_path / "few", changed(train_images=images, train_labels=labels)), SPEC)
    images[-3:] = 0
    with pytest.raises(UserError) as raised:
        load(write_set(tmp_path / "tail", changed(train_images=images, train_labels=labels)), SPEC)
    assert_tells(raised, "3 of 200 are blank, of 3 classes")


def test_a_class_of_blank_images_is_let_through(tmp_path: Path) -> None:
    """A set may have a class for nothing at all."""
    images, labels = pixels(200, 28, 28), np.arange(200, dtype=np.uint8) % 10
    images[labels == 4] = 0
    load(write_set(tmp_path, changed(train_images=images, train_labels=labels)), SPEC)


@pytest.mark.parametrize(
    ("count", "aside"),
    [(2, 0), (11, 0), (12, 1), (1_000, 83), (6_000, 500), (59_999, 4_999), (60_000, 5_000), (240_000, 5_000)],
)
def test_of_a_small_set_one_image_in_twelve_is_set_aside(count: int, aside: int) -> None:
    """MNIST's own share; of MNIST and larger sets the 5,000 of the spec."""
    assert set_aside(count, LeNetSpec()) == aside


@pytest.mark.parametrize(("train", "test"), [(2, 1), (12, 3), (30, 47)])
def test_a_small_set_is_let_through(tmp_path: Path, train: int, test: int) -> None:
    """Also one with more test images than training images, such as a part of MNIST with all of its tests."""
    arrays = changed(
        train_images=pixels(train, 28, 28, seed=3), train_labels=np.arange(train, dtype=np.uint8) % 10,
        test_images=pixels(test, 28, 28, seed=4), test_labels=np.arange(test, dtype=np.uint8) % 10,
    )  # fmt: skip
    dataset = load(write_set(tmp_path, arrays))
    assert len(dataset.train_images) + len(dataset.validation_images) == train
    assert len(dataset.test_images) == test


@pytest.mark.parametrize("shape", [(12, 1, 28, 28), (12, 28, 28, 1)])
def test_a_channel_axis_is_dropped(tmp_path: Path, small: Dataset, shape: tuple[int, ...]) -> None:
    """As torch writes images, or as TensorFlow does: the set is the same."""
    arrays = small_set()
    arrays[TRAIN_IMAGES] = arrays[TRAIN_IMAGES].reshape(shape)
    arrays[TRAIN_LABELS] = arrays[TRAIN_LABELS][:, np.newaxis]
    assert load(write_set(tmp_path, arrays), SPEC).sha256 == small.sha256


@pytest.mark.parametrize("dtype", ["i1", ">i2", ">i4"])
def test_labels_of_any_integer_type_are_read(tmp_path: Path, small: Dataset, dtype: str) -> None:
    """The type does not make another set."""
    write_set(tmp_path)
    labels = small_set()[TRAIN_LABELS].astype(dtype)
    (tmp_path / TRAIN_LABELS).write_bytes(idx_bytes(labels))
    assert load(tmp_path, SPEC).sha256 == small.sha256
    (tmp_path / TRAIN_LABELS).write_bytes(idx_bytes(np.where(labels == 7, -7, labels).astype(dtype)))
    with pytest.raises(UserError) as raised:
        load(tmp_path, SPEC)
    assert_tells(raised, "but 1 is not; the first, at index 7, is -7")


def test_qmnists_files_are_read(tmp_path: Path, small: Dataset) -> None:
    """Its names, and its labels: eight columns of int32, the class first."""
    columns = np.random.default_rng(0).integers(0, 1 << 20, (12, 8)).astype(">i4")
    for name, array in small_set().items():
        written, qmnists = array, f"qmnist-{name.replace('t10k', 'test')}"
        if "labels" in name:
            written = np.c_[array, columns[: len(array), 1:]].astype(">i4")
            qmnists = qmnists.replace("idx1-ubyte", "idx2-int")
        (tmp_path / qmnists).write_bytes(idx_bytes(written))
    assert load(tmp_path, SPEC).sha256 == small.sha256


def test_a_set_as_large_as_its_test_set_is_let_through(tmp_path: Path) -> None:
    """QMNIST has 60,000 images in each."""
    arrays = changed(test_images=pixels(12, 28, 28, seed=9), test_labels=LABELS[::-1])
    assert len(load(write_set(tmp_path, arrays), SPEC).test_images) == 12
