"""A small convolutional network: flattened rows, dropout, separable and depthwise kernels."""

from collections.abc import Iterator

import numpy as np

inputs = {"images": "NHWC"}
steps = 5


def batches(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images [6, 12, 10, 3] and labels [6]."""
    random = np.random.default_rng(seed)
    while True:
        yield random.standard_normal((6, 12, 10, 3)), random.integers(0, 5, 6)
