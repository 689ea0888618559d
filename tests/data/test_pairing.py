"""Labels that belong to other images are noticed, and right labels never, whatever their order and shares."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from compare.data.mnist import Dataset, load
from compare.data.pairing import agreement, doubts
from tests.data.idx_files import pixels

Arrays = tuple[np.ndarray, np.ndarray]  # images, labels


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """Return the embedded data set."""
    return load()


def with_parts(mnist: Dataset, train: Arrays | None = None, test: Arrays | None = None) -> Dataset:
    """Return the set with other training or test arrays."""
    images, labels = train or (mnist.train_images, mnist.train_labels)
    test_images, test_labels = test or (mnist.test_images, mnist.test_labels)
    return dataclasses.replace(
        mnist,
        train_images=images,
        train_labels=labels.astype(np.uint8),
        test_images=test_images,
        test_labels=test_labels.astype(np.uint8),
    )


def order(keys: np.ndarray) -> Callable[[Arrays], Arrays]:
    """Return a function that takes these of the images and labels, in this order."""
    return lambda arrays: (arrays[0][keys], arrays[1][keys])


def sorted_by_class(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Put the images of each class together."""
    return order(np.argsort(labels, kind="stable"))((images, labels))


def in_turn(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """0, 1, ... 9, 0, 1, ..., so that every second image is of the same five classes."""
    of_class = [np.flatnonzero(labels == label)[:400] for label in range(10)]
    return order(np.stack(of_class, axis=1).ravel())((images, labels))


def one_sided(share: float, label: int = 3) -> Callable[[np.ndarray, np.ndarray], Arrays]:
    """`share` of the images are of one class."""

    def change(images: np.ndarray, labels: np.ndarray) -> Arrays:
        of_class, others = np.flatnonzero(labels == label)[:900], np.flatnonzero(labels != label)
        return order(np.r_[of_class, others[: round(len(of_class) * (1 / share - 1))]])((images, labels))

    return change


def few(count: int) -> Callable[[np.ndarray, np.ndarray], Arrays]:
    """Return a function that takes the first of them."""
    return lambda images, labels: (images[:count], labels[:count])


def only(*classes: int) -> Callable[[np.ndarray, np.ndarray], Arrays]:
    """Return a function that takes the images of some classes."""
    return lambda images, labels: order(np.isin(labels, classes))((images, labels))


def half_inverted(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Every class's mean image is then the same grey."""
    images = images.copy()
    images[::2] = 255 - images[::2]
    return images, labels


def rolled_images(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Each by another distance, so that pixels hardly say what an image shows."""
    shifts = np.random.default_rng(0).integers(0, 28, (4_000, 2))
    rolled = [np.roll(image, shift, axis=(0, 1)) for image, shift in zip(images, shifts, strict=False)]
    return np.stack(rolled), labels[:4_000]


def coarser(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Make two classes of the ten."""
    return images, labels // 5


RIGHT: dict[str, Callable[[np.ndarray, np.ndarray], Arrays]] = {
    "as it is": lambda images, labels: (images, labels),
    "sorted by class": sorted_by_class,
    "classes in turn": in_turn,
    "half of one class": one_sided(0.5),
    "90 % of one class": one_sided(0.9),
    "99 % of one class": one_sided(0.99),
    "99.8 % of one class": one_sided(0.998),
    "two classes": only(0, 1),
    "three classes": only(2, 7, 8),
    **{f"{count} images": few(count) for count in (2, 3, 10, 60, 100, 300, 1_000)},
    "every second image inverted": half_inverted,
    "rolled images": rolled_images,
    "two classes out of ten": coarser,
}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_right_labels_leave_no_doubt(mnist: Dataset, change: Callable[..., Arrays]) -> None:
    """Whatever their order and shares, in training set, test set, or both."""
    train = change(mnist.train_images, mnist.train_labels)
    test = change(mnist.test_images, mnist.test_labels)
    assert doubts(with_parts(mnist, train, test)) == []
    if change is not coarser:  # its test labels would not be the training set's
        assert doubts(with_parts(mnist, test=test)) == []
        found = doubts(with_parts(mnist, train=train))
        assert all(doubt.startswith("There are more test images") for doubt in found)


def test_classes_of_one_file_alone_leave_no_doubt(mnist: Dataset) -> None:
    """No training image is of those classes, so that no label of theirs can be predicted."""
    train = only(0, 1, 2, 3, 4)(mnist.train_images, mnist.train_labels)
    for classes in ((5, 6, 7, 8, 9), (4, 5, 6, 7, 8, 9), (9,), (0,)):
        test = only(*classes)(mnist.test_images, mnist.test_labels)
        assert doubts(with_parts(mnist, train, test)) == []


WRONG: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "shuffled": lambda labels: np.random.default_rng(0).permutation(labels),
    "moved by one": lambda labels: np.roll(labels, 1),
    "sorted without their images": np.sort,
}


@pytest.mark.parametrize("share", [None, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("wrong", WRONG)
def test_training_labels_of_other_images_are_named(mnist: Dataset, wrong: str, share: float | None) -> None:
    """How many fit, how many would by chance, how many images were looked at, and what to do."""
    images, labels = mnist.train_images, mnist.train_labels
    if share is not None:
        images, labels = one_sided(share)(images, labels)
        images, labels = order(np.random.default_rng(1).permutation(len(labels)))((images, labels))
    found = doubts(with_parts(mnist, train=(images, WRONG[wrong](labels))))
    assert found[-1].startswith("The training labels fit their images no better than chance: ")
    assert "% of " in found[-1]
    assert "Check whether images and labels are in the same order" in found[-1]


@pytest.mark.parametrize("count", [100, 1_000, 10_000])
@pytest.mark.parametrize("wrong", WRONG)
def test_test_labels_of_other_images_are_named(mnist: Dataset, wrong: str, count: int) -> None:
    """Against the training set, which says what its classes look like."""
    labels = WRONG[wrong](mnist.test_labels[:count])
    (found,) = doubts(with_parts(mnist, test=(mnist.test_images[:count], labels)))
    assert found.startswith("The test labels fit the training images no better than chance: ")


def test_files_of_two_sets_are_named(mnist: Dataset) -> None:
    """Another set's classes under the same numbers: its own labels are right, and not this set's."""
    (found,) = doubts(with_parts(mnist, test=(mnist.test_images, (mnist.test_labels + 1) % 10)))
    assert found.startswith("The test labels fit the training images")
    assert "all four files belong to one set" in found


def test_more_test_images_than_training_images_are_named(mnist: Dataset) -> None:
    """It trains, and may be meant."""
    dataset = with_parts(mnist, train=(mnist.train_images[:6_000], mnist.train_labels[:6_000]))
    (found,) = doubts(dataset)
    assert found.startswith("There are more test images (10,000) than training images (6,000).")


def test_images_of_noise_are_doubted() -> None:
    """Nothing can be learned from them but by heart: what is said is what was found."""
    images, labels = pixels(4_000, 28, 28), (np.arange(4_000) % 10).astype(np.uint8)
    noise = Dataset(images, labels, images[:0], labels[:0], images[::-1], labels, "", "")
    assert doubts(noise)[0].startswith("The training labels fit their images no better than chance")


def test_chance_is_what_shuffled_labels_reach() -> None:
    """Mean and standard deviation, for uneven shares, against a thousand shuffles."""
    rng = np.random.default_rng(0)
    known, images = rng.integers(0, 256, (2, 50, 4), dtype=np.uint8)
    known_labels, labels = np.minimum(rng.integers(0, 9, (2, 50)), 4)
    found = [agreement(known, known_labels, images, rng.permutation(labels)) for _ in range(1_000)]
    right = [each.right for each in found]
    assert np.mean(right) == pytest.approx(found[0].chance, abs=4 * found[0].deviation / 1_000**0.5)
    assert np.std(right) == pytest.approx(found[0].deviation, rel=0.1)
    assert max(right) <= found[0].best
