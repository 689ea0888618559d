"""One implementation on the ladder: its worker, and its answers, each asked for once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from compare.ladder.plan import Plan, Port
from compare.ladder.reference import backwards
from compare.ladder.rungs import Digests, Groups, Missing, losses_array
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.processes.replies import arrays_of
from compare.protocol import messages
from lenet_spec import Shape

BLOCK_STEPS = 50


class NotOnTheLadder(Exception):
    """A side that cannot be asked anything: its framework, its module or its device is not there."""


def launch(port: Port, plan: Plan, python: Path, directory: Path, *, name: str | None = None) -> Worker:
    """Return a worker for one port, or for several of one framework in turn."""
    name = name or port.label
    log_path = directory / f"ladder-{''.join(c if c.isalnum() else '-' for c in name)}.log"
    return plan.conditions(port.device).launch(port.framework, log_path, name=name, python=python)


class Side:
    """Evidence under the same attribute names as `Reference`. Raises WorkerRefused or WorkerFailed.

    Order matters in one place: gradients must be asked for before the parameters move, so `loss`, which
    comes with the first step, asks for them first and keeps what came, even a refusal.
    """

    def __init__(self, port: Port, plan: Plan, worker: Worker, weights_path: Path) -> None:
        self.port, self.plan, self.worker, self.weights_path = port, plan, worker, weights_path
        self.losses: list[float] = []
        self.diverged = False
        self.versions: dict[str, Any] = {}
        self.early_gradients: Groups | WorkerRefused | None = None

    @property
    def label(self) -> str:
        return self.port.label

    def set_up(self) -> Missing | None:
        """Build the model in the worker. What a wrong port's model says is evidence: rung 1 fails with it.

        Raises NotOnTheLadder where the fault is not the model's.
        """
        plan, port = self.plan, self.port
        request = plan.conditions(port.device).set_up(
            port.framework,
            (port.module, port.trainer),
            plan.spec,
            self.weights_path,
            dtype=plan.dtype,
            seed=plan.seed,
            data_dir=plan.data_dir,
            exact=plan.dtype == "float64",
        )
        try:
            ready = self.worker.request(request, messages.Ready, plan.timeout)
        except WorkerRefused as refusal:
            if refusal.kind == "parameters":
                return Missing(f"the model cannot be built: {refusal}")
            raise NotOnTheLadder(f"{self.label}: {refusal}") from refusal
        except WorkerFailed as failure:
            raise NotOnTheLadder(str(failure)) from failure
        self.versions = dict(ready.runtime["versions"])
        if ready.exact is not None:
            self.versions["exact constants"] = ready.exact
        return None

    @cached_property
    def first_parameters(self) -> dict[str, np.ndarray] | Missing:
        return self.set_up() or self.arrays(messages.Parameters())

    @cached_property
    def shapes(self) -> dict[str, Shape] | Missing:
        found = self.first_parameters
        return found if isinstance(found, Missing) else {name: array.shape for name, array in found.items()}

    @cached_property
    def batches(self) -> Digests:
        reply = self.worker.request(
            messages.BatchDigests(self.plan.digest_steps), messages.BatchesDigested, self.plan.timeout
        )
        return Digests(reply.digests, reply.first)

    @cached_property
    def initial_weights(self) -> Groups | Missing:
        found = self.first_parameters
        return found if isinstance(found, Missing) else {"initial_weights": found}

    @cached_property
    def activations(self) -> Groups:
        return {"activations": self.arrays(messages.Activations())}

    @cached_property
    def loss(self) -> Groups:
        try:
            self.early_gradients = {"gradients": backwards(self.arrays(messages.Gradients()), self.plan.spec)}
        except WorkerRefused as refusal:
            self.early_gradients = refusal
        self.train(1)
        return {"loss": {"loss": losses_array(self.losses, 1)}}

    @cached_property
    def gradients(self) -> Groups:
        _ = self.loss
        if isinstance(self.early_gradients, WorkerRefused):
            raise self.early_gradients
        assert self.early_gradients is not None
        return self.early_gradients

    @cached_property
    def one_step(self) -> Groups:
        _ = self.loss
        return {"one_step": self.arrays(messages.Parameters())}

    @cached_property
    def training(self) -> Groups:
        """Losses and parameters at the last step that is judged; then the steps that are only recorded."""
        _ = self.one_step
        plan = self.plan
        self.train(plan.judged_steps - 1)
        parameters = self.arrays(messages.Parameters())
        self.train(plan.steps - plan.judged_steps)
        return {
            "losses": {"losses": losses_array(self.losses, plan.judged_steps)},
            "parameters": parameters,
        }

    def train(self, steps: int) -> None:
        """In blocks, so that the time limit is for a block; a run that diverged trains no further."""
        while steps > 0 and not self.diverged:
            block = messages.Train(min(steps, BLOCK_STEPS))
            done = self.worker.request(block, messages.Trained, self.plan.timeout)
            self.losses += done.losses
            self.diverged = done.diverged_at_step is not None
            steps -= block.steps
            self.plan.say(f"{self.label} has trained {len(self.losses):,} of {self.plan.steps:,} steps")

    def complete(self) -> None:
        """Asks for everything that is left, so that the worker can be set up anew or ended."""
        for name in ("shapes", "batches", "activations", "gradients", "training"):
            with contextlib.suppress(WorkerRefused):  # it has failed its rung; the others are worth having
                getattr(self, name)

    def arrays(self, request: Any) -> dict[str, np.ndarray]:
        reply = self.worker.request(request, messages.Arrays, self.plan.timeout)
        return canonical_order(arrays_of(self.worker, reply.safetensors), self.plan)


def canonical_order(arrays: Mapping[str, np.ndarray], plan: Plan) -> dict[str, np.ndarray]:
    """safetensors sorts by size and name; the spec's order is the order of computation."""
    order = [*plan.spec.parameter_shapes(), *plan.spec.activation_shapes()]
    return {name: arrays[name] for name in sorted(arrays, key=lambda name: position(name, order))}


def position(name: str, order: list[str]) -> int:
    return order.index(name) if name in order else len(order)
