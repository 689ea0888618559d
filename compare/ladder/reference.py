"""What every side is held against: the spec, the shared data, and the NumPy oracle's own training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import islice

import numpy as np

from compare.data.batches import TrainingImages, batches
from compare.data.digests import batch_digests, describe
from compare.data.weights import initial_weights
from compare.ladder.oracle import Oracle
from compare.ladder.plan import Plan
from compare.ladder.rungs import Digests, Groups, losses_array
from lenet_spec import LeNetSpec, Shape


class Reference:
    """Evidence under the same attribute names as a `Side`, each worked out once, when first asked for."""

    def __init__(self, plan: Plan, dataset: TrainingImages) -> None:
        self.plan, self.dataset = plan, dataset
        self.weights = initial_weights(plan.spec, plan.seed)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return self.plan.spec.parameter_shapes()

    @cached_property
    def batches(self) -> Digests:
        plan = self.plan
        stream = batches(self.dataset, plan.spec, seed=plan.seed, dtype=plan.dtype)
        first = next(batches(self.dataset, plan.spec, seed=plan.seed, dtype=plan.dtype))
        return Digests(batch_digests(stream, plan.digest_steps), describe(first))

    @cached_property
    def initial_weights(self) -> Groups:
        return {"initial_weights": self.weights}

    @cached_property
    def first_batch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """In float64: the float32 values, widened."""
        return next(batches(self.dataset, self.plan.spec, seed=self.plan.seed, dtype="float64"))

    @cached_property
    def untrained(self) -> Oracle:
        return Oracle(self.plan.spec, self.weights)

    @cached_property
    def activations(self) -> Groups:
        images, _, mask = self.first_batch
        return {"activations": self.untrained.activations(images, mask)}

    @cached_property
    def loss(self) -> Groups:
        return {"loss": {"loss": np.array([self.untrained.loss(*self.first_batch)])}}

    @cached_property
    def gradients(self) -> Groups:
        return {"gradients": backwards(self.untrained.gradients(*self.first_batch), self.plan.spec)}

    @cached_property
    def one_step(self) -> Groups:
        oracle = Oracle(self.plan.spec, self.weights)
        oracle.step(*self.first_batch)
        return {"one_step": oracle.parameters()}

    @cached_property
    def training(self) -> Groups:
        """Losses of the oracle's steps; its parameters too where it goes as far as the sides do."""
        plan = self.plan
        oracle = Oracle(plan.spec, self.weights)
        stream = batches(self.dataset, plan.spec, seed=plan.seed, dtype="float64")
        losses = [oracle.step(*batch)[0] for batch in islice(stream, plan.oracle_steps)]
        groups: dict[str, Mapping[str, np.ndarray]] = {
            "losses": {"losses": losses_array(losses, plan.oracle_steps)}
        }
        if plan.oracle_steps == plan.judged_steps:
            groups["parameters"] = oracle.parameters()
        return groups


def backwards(gradients: Mapping[str, np.ndarray], spec: LeNetSpec) -> dict[str, np.ndarray]:
    """In the order that back-propagation computes them, so that the first one wrong is where it went wrong.

    Names that the spec does not know come last.
    """
    known = [name for name in reversed(list(spec.parameter_shapes())) if name in gradients]
    return {name: gradients[name] for name in [*known, *(n for n in gradients if n not in known)]}
