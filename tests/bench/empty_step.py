"""A trainer that does nothing: what is left of a step's time is the harness itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lenet_spec import LeNetSpec


class Trainer:
    """A trainer whose step gives a loss of zero at once."""

    def __init__(
        self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
    ) -> None:
        self.weights = dict(weights)
        self.nothing = np.zeros((spec.training.batch_size, spec.classes), dtype)

    def step(
        self, images: np.ndarray, labels: np.ndarray, dropout_mask: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        return 0.0, self.nothing

    def parameters(self) -> dict[str, np.ndarray]:
        return self.weights

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def synchronize(self) -> None:
        pass
