"""Whether labels have to do with their images: no structure tells a shuffled file from a sound one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compare.data.mnist import Dataset

SAMPLE = 1_000  # images that are asked about, and as many that answer: enough to tell, and quick
# The least of the agreement that the shares of the classes allow. Right labels reached 0.6 to 1 (MNIST and
# Fashion-MNIST: whole, sorted, 50 images, 99.8 % of one class, rolled by up to 27 pixels), wrong ones 0.05.
LEAST_AGREEMENT = 0.1
NEAREST = "the label of the nearest training image is"
LOOK = "Check whether images and labels belong together, in the same order"
FEWEST = 50  # images that are asked about, and that answer
LEAST_RANGE = 20.0  # from chance to the best possible, in standard deviations of chance; below: no verdict


@dataclass(frozen=True)
class Agreement:
    """How often the label of the nearest image is an image's own, of `count` images, as fractions."""

    right: float
    chance: float  # expected if the labels were shuffled: the shares of the classes alone
    best: float  # the most that these shares allow
    deviation: float  # the standard deviation of `right` if the labels were shuffled
    count: int

    @property
    def is_chance(self) -> bool:
        allowed = self.best - self.chance
        enough = allowed > 0 and allowed >= LEAST_RANGE * self.deviation
        return enough and self.right - self.chance < LEAST_AGREEMENT * allowed

    def __str__(self) -> str:
        right, chance = 100 * self.right, 100 * self.chance
        return f"right for {right:.0f} % of {self.count:,}, and chance would give {chance:.0f} %"


def doubts(dataset: Dataset) -> list[str]:
    """Return a sentence for each thing about the set that suggests a wrong file; none for right labels.

    Assumes that images of one class resemble each other more often than chance: an image's nearest neighbour
    (sum of squared pixel differences) then tends to bear its label. The order of the images does not matter,
    since the sample is drawn at random, nor do the classes' shares, since chance and best follow from them;
    sets too small or too one-sided to tell leave no doubt. The assumption fails for images of noise, and for
    test images unlike the training images (inverted, or of another set): a sentence says what was found, and
    where to look.
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
    if within.is_chance:  # the training images say nothing then about the test images
        return [
            *found,
            f"The training labels fit their images no better than chance: {NEAREST} {within}. {LOOK}.",
        ]
    asked = np.random.default_rng(0).permutation(len(dataset.test_labels))[:SAMPLE]
    across = agreement(images, labels, dataset.test_images[asked], dataset.test_labels[asked])
    if across.is_chance:
        found.append(
            f"The test labels fit the training images no better than chance: {NEAREST} {across}. {LOOK}, "
            "and all four files to one set."
        )
    return found


def agreement(
    known_images: np.ndarray, known_labels: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> Agreement:
    """Of `labels` with those of each image's nearest known one; nothing can be said of fewer than FEWEST.

    Shuffled labels agree with mean sum_c p_c q_c, for the shares p of the predicted and q of the true labels.
    The variance is a permutation statistic's: Hoeffding (1951), "A combinatorial central limit theorem".
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
    """For each image the index of the known one at the smallest distance; an image's own square cancels."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    known = known.reshape(len(known), -1).astype(np.float32)
    found: np.ndarray = np.argmin((known**2).sum(axis=1) - 2 * (flat @ known.T), axis=1)
    return found
