"""Tests whether labels belong to their images: a file in shuffled order is valid but useless."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compare.data.mnist import Dataset

SAMPLE = 1_000  # images to predict, and known images to predict from: enough for a verdict, and quick
# The least share of the possible agreement that is accepted. Right labels reached 0.6 to 1 (MNIST and
# Fashion-MNIST: whole, sorted, 50 images, 99.8 % of one class, rolled by up to 27 pixels), wrong ones 0.05.
LEAST_AGREEMENT = 0.1
NEAREST = "the nearest training image has the same label for"
LOOK = "Check whether images and labels are in the same order"
FEWEST = 50  # least number of images to predict, and of known images
LEAST_RANGE = 20.0  # from chance to the best possible, in standard deviations of chance; below: no verdict


@dataclass(frozen=True)
class Agreement:
    """How often the nearest image has the same label as the image itself, as fractions of `count` images."""

    right: float
    chance: float  # expected if the labels were shuffled; follows from the shares of the classes
    best: float  # the largest value that these shares allow
    deviation: float  # the standard deviation of `right` if the labels were shuffled
    count: int

    @property
    def is_chance(self) -> bool:
        allowed = self.best - self.chance
        enough = allowed > 0 and allowed >= LEAST_RANGE * self.deviation
        return enough and self.right - self.chance < LEAST_AGREEMENT * allowed

    def __str__(self) -> str:
        right, chance = 100 * self.right, 100 * self.chance
        return f"{right:.0f} % of {self.count:,} images, and chance would give {chance:.0f} %"


def doubts(dataset: Dataset) -> list[str]:
    """Return a sentence for each sign that the set has a wrong file; none if the labels are right.

    Assumes that images of one class resemble each other more than chance would explain. Then the nearest
    neighbour of an image (by the sum of squared pixel differences) usually has the image's label. The order
    of the images does not matter, because the sample is random. The shares of the classes do not matter,
    because chance and best follow from them. A set that is too small, or has almost only one class, gives no
    sentence. The assumption fails for images of noise, and for test images unlike the training images
    (inverted, or from another set); then a sentence says what was found, and what to check.
    """
    found = []
    if len(dataset.test_labels) > len(dataset.train_labels):
        found.append(
            f"There are more test images ({len(dataset.test_labels):,}) than training images "
            f"({len(dataset.train_labels):,}). Check whether the files were swapped."
        )
    order = np.random.default_rng(0).permutation(len(dataset.train_labels))[: 2 * SAMPLE]
    known, asked = np.array_split(order, 2)
    images, labels = dataset.train_images[known], dataset.train_labels[known]
    within = agreement(images, labels, dataset.train_images[asked], dataset.train_labels[asked])
    if within.is_chance:  # then the training images cannot judge the test labels either
        return [
            *found,
            f"The training labels fit their images no better than chance: {NEAREST} {within}. {LOOK}.",
        ]
    asked = np.random.default_rng(0).permutation(len(dataset.test_labels))[:SAMPLE]
    across = agreement(images, labels, dataset.test_images[asked], dataset.test_labels[asked])
    if across.is_chance:
        found.append(
            f"The test labels fit the training images no better than chance: {NEAREST} {across}. {LOOK}, "
            "and whether all four files belong to one set."
        )
    return found


def agreement(
    known_images: np.ndarray, known_labels: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> Agreement:
    """Return how often `labels` agree with the label of each image's nearest known image.

    With fewer than FEWEST images on either side, all figures are 0. Shuffled labels agree with mean
    sum_c p_c q_c, for the shares p of the predicted and q of the true labels. The variance is that of a
    permutation statistic: Hoeffding (1951), "A combinatorial central limit theorem".
    """
    count = len(labels)
    if min(count, len(known_labels)) < FEWEST:
        return Agreement(0, 0, 0, 0, count)
    predicted = known_labels[nearest(images, known_images)]
    classes = int(max(predicted.max(), labels.max())) + 1
    p, q = (np.bincount(each, minlength=classes) / count for each in (predicted, labels))
    chance = float(p @ q)
    centred = np.eye(classes) - q[:, None] - p[None, :] + chance
    variance = float(p @ centred**2 @ q) / max(1, count - 1)
    best = float(np.minimum(p, q).sum())
    return Agreement(float(np.mean(predicted == labels)), chance, best, variance**0.5, count)


def nearest(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the index of each image's nearest known image, without the constant square of the image."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    known = known.reshape(len(known), -1).astype(np.float32)
    found: np.ndarray = np.argmin((known**2).sum(axis=1) - 2 * (flat @ known.T), axis=1)
    return found
