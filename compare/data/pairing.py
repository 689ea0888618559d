"""Whether labels have anything to do with their images: no structure tells a shuffled file from a sound one.

An image is given the class whose mean image lies nearest. On MNIST that is right for 82 % of the test images,
on a set whose labels belong to other images for as many as chance makes right.
"""

from __future__ import annotations

import math

import numpy as np

from compare.data.mnist import Dataset

MOST_IMAGES = 10_000  # of each kind; enough to tell, and quick
FEWEST_IMAGES = 100  # below, chance decides too much
LEAST_DEVIATIONS = 6.0  # above chance, in standard deviations of chance


def doubts(dataset: Dataset) -> list[str]:
    """Return a sentence for each pair of files whose labels fit their images no better than chance."""
    half = min(len(dataset.train_labels) // 2, MOST_IMAGES)
    means, classes = class_means(dataset.train_images[:half], dataset.train_labels[:half])
    pairs = {
        "training": (dataset.train_images[half : 2 * half], dataset.train_labels[half : 2 * half]),
        "test": (dataset.test_images[:MOST_IMAGES], dataset.test_labels[:MOST_IMAGES]),
    }
    found = []
    for name, (images, labels) in pairs.items():
        if len(labels) < FEWEST_IMAGES or len(classes) < 2:
            continue
        right = float(np.mean(classes[nearest(images, means)] == labels))
        chance = float(np.bincount(labels).max()) / len(labels)
        if right < chance + LEAST_DEVIATIONS * math.sqrt(chance * (1 - chance) / len(labels)):
            found.append(
                f"The {name} labels fit their images no better than chance: the class with the nearest mean "
                f"image is right for {100 * right:.0f} % of {len(labels):,}. Look whether images and labels "
                "belong together, in the same order."
            )
            if name == "training":  # its means say nothing then about the test images
                break
    return found


def class_means(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean images [classes, pixels] of the classes that occur, and those classes."""
    classes = np.unique(labels)
    flat = images.reshape(len(images), -1)
    return np.stack([flat[labels == label].mean(axis=0, dtype=np.float64) for label in classes]), classes


def nearest(images: np.ndarray, means: np.ndarray) -> np.ndarray:
    """For each image the index of the mean at the smallest distance; an image's own square cancels."""
    products = images.reshape(len(images), -1).astype(np.float32) @ means.T.astype(np.float32)
    found: np.ndarray = np.argmin((means**2).sum(axis=1) - 2 * products, axis=1)
    return found
