"""The embedded network and its data, put on the ladder in the way of any other network."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from compare.data import mnist
from compare.data.batches import batches as shared_batches
from lenet_spec import LeNetSpec

inputs = {"images": "NHWC"}
steps = 10
DEFAULTS = LeNetSpec()
SPEC = dataclasses.replace(DEFAULTS, training=dataclasses.replace(DEFAULTS.training, batch_size=8))


def batches(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images [8, 28, 28, 1] and labels [8], the batches of `compare.run`."""
    for images, labels, _ in shared_batches(mnist.load(None, SPEC), SPEC, seed=seed, dtype="float32"):
        yield images, labels
