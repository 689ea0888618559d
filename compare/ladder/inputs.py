"""Makes the weights and batches for every implementation on the ladder, and for the oracle."""

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

JUDGED_EVERY = 8  # the oracle computes every eighth of the evaluated images


class Inputs:
    """The inputs of one plan, with all batches in float64, which represents every float32 value exactly."""

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
        """Return the batches of the steps that the oracle may train: at least two, which the phases need."""
        return list(islice(self.stream(self.spec), max(self.plan.steps, 2)))

    def late_batches(self, steps: int) -> Iterator[Batch]:
        """Yield the batches of the updates after this many steps."""
        return islice(self.stream(self.spec), steps, steps + LATE_UPDATES)

    def sized_batch(self, size: int) -> Batch:
        """Return the seed's first batch at another size."""
        return next(self.stream(spec_of_size(self.spec, size)))

    @property
    def evaluated_images(self) -> np.ndarray:
        """Return the evaluated test images [N, 28, 28, 1] that the oracle computes too."""
        images = self.dataset.test_images[:EVALUATED_IMAGES:JUDGED_EVERY]
        return mnist.scale(images, self.spec).astype(np.float64)

    def stream(self, spec: LeNetSpec) -> Iterator[Batch]:
        return batches(self.dataset, spec, seed=self.plan.seed, dtype="float64")


def spec_of_size(spec: LeNetSpec, size: int) -> LeNetSpec:
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, batch_size=size))


def packed(batch: Batch, dtype: str) -> bytes:
    """Return a batch in the form that a worker takes: safetensors, in the dtype of the host's arrays."""
    named = {
        name: array if name == "labels" else array.astype(host_dtype(dtype))
        for name, array in zip(Batch._fields, batch, strict=True)
        if array is not None
    }
    return safetensors.numpy.save(named)
