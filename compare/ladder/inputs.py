"""What every implementation on the ladder, and the oracle, is given: weights and batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

import numpy as np
import safetensors.numpy

from compare.data import mnist
from compare.data.batches import Batch, batches
from compare.data.weights import initial_weights
from compare.dtypes import host_dtype
from compare.ladder import stress
from compare.ladder.plan import EVALUATED_IMAGES, Plan
from compare.ladder.updates import LATE_UPDATES
from lenet_spec import LeNetSpec

JUDGED_EVERY = 8  # of the evaluated images, the oracle computes each eighth


class Inputs:
    """All batches in float64, which holds every float32 value."""

    def __init__(self, plan: Plan, dataset: mnist.Dataset) -> None:
        self.plan, self.dataset, self.spec = plan, dataset, plan.spec

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        return initial_weights(self.spec, self.plan.seed)

    @cached_property
    def stress_weights(self) -> dict[str, np.ndarray]:
        return stress.weights(self.spec)

    @cached_property
    def stress_batches(self) -> list[Batch]:
        return stress.batches(self.spec)

    @cached_property
    def training_batches(self) -> list[Batch]:
        """Those of the steps that the oracle may have to train: at least two, since the phases take two."""
        return list(islice(self.stream(self.spec), max(self.plan.steps, 2)))

    def late_batches(self, steps: int) -> Iterator[Batch]:
        """Return those of the updates after so many steps."""
        return islice(self.stream(self.spec), steps, steps + LATE_UPDATES)

    def sized_batch(self, size: int) -> Batch:
        """Return the first batch of the seed at another size."""
        return next(self.stream(spec_of_size(self.spec, size)))

    @property
    def evaluated_images(self) -> np.ndarray:
        """[N, 28, 28, 1]: those of the evaluated test images that the oracle computes too."""
        images = self.dataset.test_images[:EVALUATED_IMAGES:JUDGED_EVERY]
        return mnist.scale(images, self.spec).astype(np.float64)

    def stream(self, spec: LeNetSpec) -> Iterator[Batch]:
        return batches(self.dataset, spec, seed=self.plan.seed, dtype="float64")


def spec_of_size(spec: LeNetSpec, size: int) -> LeNetSpec:
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, batch_size=size))


def packed(batch: Batch, dtype: str) -> bytes:
    """Return a batch as a worker takes it: safetensors, its numbers in the dtype that the host hands over."""
    named = {
        name: array if name == "labels" else array.astype(host_dtype(dtype))
        for name, array in zip(Batch._fields, batch, strict=True)
        if array is not None
    }
    return safetensors.numpy.save(named)
