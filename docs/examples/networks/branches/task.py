"""Two inputs and two outputs: images and tokens, a class and a number."""

from collections.abc import Iterator

import numpy as np

inputs = {"images": "NHWC", "tokens": "NT"}
reference = "torch"
steps = 5


def batches(seed: int) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Images [6, 6, 8, 2], tokens [6, 7]; labels [6] and values [6, 1]."""
    random = np.random.default_rng(seed)
    while True:
        images, tokens = random.standard_normal((6, 6, 8, 2)), random.integers(0, 20, (6, 7))
        targets = {"label": random.integers(0, 3, 6), "value": random.standard_normal((6, 1))}
        yield {"images": images, "tokens": tokens}, targets
