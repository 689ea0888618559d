"""Computes the reference for every side: from the spec, the shared data, and the NumPy oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from threading import RLock

import numpy as np

from compare.data import mnist
from compare.data.batches import Batch
from compare.data.digests import batch_digests, describe
from compare.ladder.inputs import Inputs
from compare.ladder.oracle import Oracle
from compare.ladder.oracle_layers import cross_entropy
from compare.ladder.plan import Plan
from compare.ladder.rungs import Digests, Evidence, Groups, losses_array
from compare.ladder.updates import moments, state_of
from lenet_spec import LeNetSpec, Shape


class Reference:
    """Evidence with the same names as a climber's. Each piece is computed once, at its first request.

    The oracle always computes in float64, so plans that differ only in their dtype share a reference.
    """

    def __init__(self, plan: Plan, dataset: mnist.Dataset) -> None:
        self.plan, self.spec, self.inputs = plan, plan.spec, Inputs(plan, dataset)
        self.oracle_steps = plan.oracle_steps
        self.lock = RLock()  # several threads ask at the same time

    def answer(self, name: str) -> Evidence | None:
        """Return the evidence of this name; None if this evidence is judged without a reference."""
        with self.lock:
            evidence: Evidence | None = getattr(self, name)
        return evidence

    def prepare(self, names: Iterable[str]) -> None:
        """Compute all of these before they are requested, while workers start."""
        for name in names:
            self.answer(name)

    def go_on(self) -> bool:
        """Train the oracle for as many steps as the sides. Return False if it has already done so."""
        with self.lock:
            if self.oracle_steps >= self.plan.judged_steps:
                return False
            self.oracle_steps = self.plan.judged_steps
            self.__dict__.pop("training", None)
        return True

    late = None

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return self.spec.parameter_shapes()

    @cached_property
    def batches(self) -> Digests:
        first = next(self.inputs.stream(self.spec))
        digests = batch_digests(self.inputs.stream(self.spec), self.plan.digest_steps)
        return Digests(digests, describe(first))

    @cached_property
    def initial_weights(self) -> Groups:
        return {"initial_weights": self.inputs.weights}

    @cached_property
    def first_batch(self) -> Batch:
        return self.inputs.training_batches[0]

    @cached_property
    def activations(self) -> Groups:
        images, _, mask = self.first_batch
        return {"activations": self.untrained.activations(images, mask)}

    @cached_property
    def loss(self) -> Groups:
        logits, labels = self.activations["activations"]["logits"], self.first_batch.labels
        return {"loss": {"loss": np.array([cross_entropy(logits, labels, self.spec.loss_reduction)])}}

    @cached_property
    def step_logits(self) -> Groups:
        return {"step_logits": {"logits": self.activations["activations"]["logits"]}}

    @cached_property
    def gradients(self) -> Groups:
        return {"gradients": backwards(self.untrained.gradients(*self.first_batch), self.spec)}

    @cached_property
    def untrained(self) -> Oracle:
        return Oracle(self.spec, self.inputs.weights)

    @cached_property
    def one_step(self) -> Groups:
        return {"one_step": self.stepped.parameters()} | moments("moments", state_of(self.stepped))

    @property
    def stepped(self) -> Oracle:
        """Return an oracle after the first step."""
        oracle = Oracle(self.spec, self.inputs.weights)
        oracle.adam(self.gradients["gradients"])
        return oracle

    @cached_property
    def training(self) -> Groups:
        """Return the oracle's losses, and its parameters too if it trains for as many steps as the sides."""
        oracle, first = self.stepped, float(self.loss["loss"]["loss"][0])
        later = [oracle.step(*batch)[0] for batch in self.inputs.training_batches[1 : self.oracle_steps]]
        losses = losses_array([first, *later], self.oracle_steps)
        groups: dict[str, Mapping[str, np.ndarray]] = {"losses": {"losses": losses}}
        if self.oracle_steps == self.plan.judged_steps:
            groups["parameters"] = oracle.parameters()
        return groups

    @cached_property
    def evaluation(self) -> Groups:
        return {"evaluation": {"logits": self.stepped.logits(self.inputs.evaluated_images)}}

    @cached_property
    def phases(self) -> Groups:
        oracle = self.stepped
        oracle.step(*self.inputs.training_batches[1])
        return {"phases": oracle.parameters()} | moments("phases_moments", state_of(oracle))

    @cached_property
    def stress(self) -> Groups:
        """See `Climber.stress`."""
        first, *_ = batches = self.inputs.stress_batches
        oracle = Oracle(self.spec, self.inputs.stress_weights)
        groups: dict[str, Mapping[str, np.ndarray]] = {
            "stress_activations": oracle.activations(first.images, first.dropout_mask),
            "stress_evaluation": {"logits": oracle.logits(first.images)},
            "stress_gradients": backwards(oracle.gradients(*first), self.spec),
        }
        made = [oracle.step(*batch) for batch in batches]
        groups["stress_loss"] = {
            f"loss of batch {place}": np.array([loss]) for place, (loss, _) in enumerate(made)
        }
        groups["stress_logits"] = {
            f"logits of batch {place}": logits for place, (_, logits) in enumerate(made)
        }
        return groups | {"stress_steps": oracle.parameters()} | moments("stress_moments", state_of(oracle))

    @cached_property
    def sizes(self) -> Groups:
        """Return a first step at each further batch size."""
        found = {}
        for size in self.plan.sizes:
            oracle = Oracle(self.spec, self.inputs.weights)
            loss, logits, gradients = oracle.back_propagate(*self.inputs.sized_batch(size))
            oracle.adam(gradients)
            found[size] = {
                "size_loss": {"loss": np.array([loss])},
                "size_logits": {"logits": logits},
                "size_gradients": backwards(gradients, self.spec),
                "size_step": oracle.parameters(),
            } | moments("size_moments", state_of(oracle))
        return by_size(found)


def by_size(found: Mapping[int, Groups]) -> Groups:
    """Return one set of groups, with each array's batch size in its name."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for size, own in found.items():
        for group, arrays in own.items():
            named = {f"{name} at batch size {size:,}": array for name, array in arrays.items()}
            groups.setdefault(group, {}).update(named)
    return groups


def backwards(gradients: Mapping[str, np.ndarray], spec: LeNetSpec) -> dict[str, np.ndarray]:
    """Return gradients in the order of back-propagation, so that the first wrong gradient shows the fault.

    Names that are not in the spec come last.
    """
    known = [name for name in reversed(list(spec.parameter_shapes())) if name in gradients]
    return {name: gradients[name] for name in [*known, *(n for n in gradients if n not in known)]}
