"""MobileNetV2 of keras.applications and of torchvision at 33 × 33, where both pad alike."""

from collections.abc import Iterator

import numpy as np

inputs = {"images": "NHWC"}
reference = "tf"
steps = 5
SIZE = 33


def batches(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images [8, SIZE, SIZE, 3] and labels [8]."""
    random = np.random.default_rng(seed)
    while True:
        yield random.standard_normal((8, SIZE, SIZE, 3)), random.integers(0, 10, 8)
