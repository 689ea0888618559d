"""Requests the evidence of one implementation from its worker, each piece once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy

from compare.ladder.inputs import JUDGED_EVERY, Inputs, packed, spec_of_size
from compare.ladder.plan import EVALUATED_IMAGES, Plan, Port
from compare.ladder.reference import backwards, by_size
from compare.ladder.rungs import Digests, Evidence, Groups, Judged, Missing, losses_array, mapped
from compare.ladder.tolerances import Tolerances, judged_steps, tolerances
from compare.ladder.updates import Update, in_order, late_differences, moments, update_of
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.processes.replies import arrays_of
from compare.protocol import messages
from compare.records.files import write_atomically
from lenet_spec import LeNetSpec

T = TypeVar("T")
BLOCK_STEPS = 50
CANNOT_RUN = (*messages.MISSING, "memory")  # kinds of refusal that come from the machine, not from the model


class NotOnTheLadder(Exception):
    """A port cannot climb: its framework, its module, its device or a tool that they need is missing.

    unavailable: True if it cannot run on this machine, False if it failed.
    """

    def __init__(self, reason: str, *, unavailable: bool) -> None:
        super().__init__(reason)
        self.unavailable = unavailable


class Climber:
    """Gives the evidence of one port: `answer(name)` returns the evidence, or the reason why it is missing.

    directory: holds the weights that the worker reads.
    """

    def __init__(
        self, port: Port, plan: Plan, worker: Worker | Group, inputs: Inputs, directory: Path
    ) -> None:
        self.port, self.plan, self.worker, self.inputs, self.directory = port, plan, worker, inputs, directory
        self.losses: list[float] = []
        self.diverged = False
        self.ending = f"{port.label} has ended"  # says how, as soon as that is known
        self.versions: dict[str, Any] = {}
        self.rounding: float | None = None  # the card's rounding; known after the set-up
        self.answers: dict[str, Evidence | Missing] = {}
        self.work = self.evidence()

    @property
    def label(self) -> str:
        return self.port.label

    @property
    def own(self) -> Tolerances:
        """Return the tolerances for its evidence."""
        plan = self.plan
        return tolerances(plan.dtype, self.rounding, batch_size=plan.batch_size, sizes=plan.sizes)

    def answer(self, name: str) -> Evidence | Missing:
        """Request all evidence up to this name. Raises NotOnTheLadder if the fault is the machine's."""
        while name not in self.answers:
            given, evidence = next(self.work)
            self.answers[given] = evidence
        return self.answers[name]

    def evidence(self) -> Iterator[tuple[str, Evidence | Missing]]:
        """Yield all evidence by name, in the only possible order.

        Gradients come before the first step, which changes the parameters, although its loss is judged first.
        Evidence at other weights comes last.
        """
        parameters = self.attempt(lambda: self.set_up(self.plan.spec, "initial", self.inputs.weights))
        yield "shapes", mapped(parameters, lambda found: {name: one.shape for name, one in found.items()})
        yield "batches", self.attempt(self.digests)
        yield "initial_weights", mapped(parameters, lambda found: {"initial_weights": found})
        yield "activations", self.attempt(lambda: {"activations": self.arrays(messages.Activations())})
        gradients = self.attempt(lambda: {"gradients": self.gradients(messages.Gradients())})
        step = self.attempt(self.first_step)
        yield "loss", mapped(step, lambda made: {"loss": {"loss": np.array([made.loss])}})
        yield "gradients", gradients
        yield "one_step", mapped(step, lambda made: {"one_step": made.parameters} | moments("moments", made))
        evaluation = self.attempt(self.evaluation)
        yield "training", self.attempt(self.training)
        late = self.attempt(self.late_updates)
        yield "evaluation", evaluation
        yield "step_logits", mapped(step, lambda made: {"step_logits": made.logits})
        yield "phases", self.attempt(self.phases)
        yield "stress", self.attempt(self.stress)
        yield "sizes", self.attempt(self.sizes)
        yield "late", late

    def attempt(self, ask: Callable[[], T]) -> T | Missing:
        """Return the evidence, or why the model could not give it: a wrong port's error is evidence too."""
        if self.worker.closed:
            return Missing(self.ending)
        try:
            return ask()
        except WorkerRefused as refusal:
            if refusal.kind in CANNOT_RUN:
                raise NotOnTheLadder(f"{self.label}: {refusal}", unavailable=True) from refusal
            return Missing(str(refusal))
        except WorkerFailed as failure:
            self.ending = str(failure)
            return Missing(self.ending)

    def set_up(self, spec: LeNetSpec, name: str, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Build the model again, with weights that the worker reads from a file. Return its parameters.

        Raises NotOnTheLadder if this fails for a reason outside the model.
        """
        path = self.directory / f"ladder-{name}-{self.plan.seed}-weights.safetensors"
        if not path.exists():
            write_atomically(path, safetensors.numpy.save(dict(weights)))
        plan, port = self.plan, self.port
        request = plan.conditions(port).set_up(
            port.framework,
            port.place(plan.dtype),
            spec,
            path,
            dtype=plan.dtype,
            seed=plan.seed,
            data_dir=plan.data_dir,
        )
        try:
            ready = self.worker.request(request, messages.Ready, plan.timeout)
        except WorkerRefused as refusal:
            if refusal.kind != "parameters":
                raise NotOnTheLadder(
                    f"{self.label}: {refusal}", unavailable=refusal.kind in CANNOT_RUN
                ) from refusal
            raise WorkerRefused(refusal.kind, f"the model cannot be built: {refusal}") from refusal
        except WorkerFailed as failure:
            raise NotOnTheLadder(str(failure), unavailable=False) from failure
        self.versions = ready.runtime["versions"]
        self.rounding = ready.float32_rounding
        return self.arrays(messages.Parameters())

    def digests(self) -> Digests:
        request = messages.BatchDigests(self.plan.digest_steps)
        reply = self.worker.request(request, messages.BatchesDigested, self.plan.timeout)
        return Digests(reply.digests, reply.first)

    def first_step(self) -> Update:
        made = self.update(messages.Step())
        self.losses.append(made.loss)
        return made

    def evaluation(self) -> Groups:
        """Evaluate the first test images, with the parameters after the first step."""
        request = messages.Evaluate(EVALUATED_IMAGES, self.plan.evaluated_images)
        return {"evaluation": {"logits": self.arrays(request)["logits"][::JUDGED_EVERY]}}

    def training(self) -> Groups:
        """Train to the last judged step, and take its losses and parameters. Then train on to the end."""
        judged = judged_steps(self.plan.steps, self.plan.dtype)
        self.train(judged - 1)
        parameters = self.arrays(messages.Parameters())
        self.train(self.plan.steps - judged)
        return {"losses": {"losses": losses_array(self.losses, judged)}, "parameters": parameters}

    def train(self, steps: int) -> None:
        """Train in blocks, so that the time limit is for a block. Stop if the training diverges."""
        while steps > 0 and not self.diverged:
            block = messages.Train(min(steps, BLOCK_STEPS))
            done = self.worker.request(block, messages.Trained, self.plan.timeout)
            self.losses += done.losses
            self.diverged = done.diverged_at_step is not None
            steps -= block.steps
            self.plan.say(f"{self.label} has trained {len(self.losses):,} of {self.plan.steps:,} steps")

    def late_updates(self) -> Judged:
        """Make a few more updates. Each is judged from the state after the previous update."""
        if not self.plan.late or self.diverged:
            return Judged([])
        return Judged(
            late_differences(
                self.update,
                self.inputs.late_batches(self.plan.steps),
                self.plan.spec,
                self.own,
                label=self.label,
                steps_done=self.plan.steps,
            )
        )

    def phases(self) -> Groups:
        """Make two updates in phases from the initial weights: the second shows the first one's effects."""
        self.set_up(self.plan.spec, "initial", self.inputs.weights)
        for _ in range(2):
            made = self.update(messages.Step(in_phases=True))
        return {"phases": made.parameters} | moments("phases_moments", made) if made.parameters else {}

    def stress(self) -> Groups:
        """Return all results of a step and an evaluation, at weights and batches that reach thresholds."""
        size = len(self.inputs.stress_batches[0].labels)  # which ranks must know, to weigh their shares
        self.set_up(spec_of_size(self.plan.spec, size), "stress", self.inputs.stress_weights)
        packs = [packed(batch, self.plan.dtype) for batch in self.inputs.stress_batches]
        activations = self.arrays(messages.Activations(packs[0]))
        evaluation = self.arrays(messages.Logits(packs[0]))
        gradients = self.gradients(messages.Gradients(packs[0]))
        made = [self.update(messages.Step(pack)) for pack in packs]
        logits = {f"logits of batch {place}": one.logits["logits"] for place, one in enumerate(made)}
        return {
            "stress_activations": activations,
            "stress_evaluation": evaluation,
            "stress_gradients": gradients,
            "stress_loss": {f"loss of batch {place}": np.array([one.loss]) for place, one in enumerate(made)},
            "stress_logits": logits,
            "stress_steps": made[-1].parameters,
        } | moments("stress_moments", made[-1])

    def sizes(self) -> Groups:
        """Make a first step at each further batch size that the run will time."""
        found = {}
        for size in self.plan.sizes:
            self.set_up(spec_of_size(self.plan.spec, size), "initial", self.inputs.weights)
            pack = packed(self.inputs.sized_batch(size), self.plan.dtype)
            gradients = self.gradients(messages.Gradients(pack))
            made = self.update(messages.Step(pack))
            found[size] = {
                "size_loss": {"loss": np.array([made.loss])},
                "size_logits": made.logits,
                "size_gradients": gradients,
                "size_step": made.parameters,
            } | moments("size_moments", made)
        return by_size(found)

    def gradients(self, request: messages.Gradients) -> dict[str, np.ndarray]:
        return backwards(self.arrays(request), self.plan.spec)

    def update(self, request: messages.Step | messages.State) -> Update:
        reply = self.worker.request(request, messages.Arrays, self.plan.timeout)
        return update_of(arrays_of(self.worker, reply.safetensors), self.plan.spec, reply.loss)

    def arrays(self, request: Any) -> dict[str, np.ndarray]:
        reply = self.worker.request(request, messages.Arrays, self.plan.timeout)
        return in_order(arrays_of(self.worker, reply.safetensors), self.plan.spec)
