"""Answers the ladder's requests about a porter's network in a worker, through a framework's adapter."""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from compare import tap
from compare.data import task_file
from compare.data.digests import array_digest
from compare.data.task_file import Inputs
from compare.errors import UserError
from compare.protocol import task_messages as messages
from compare.protocol.channel import LARGEST_FRAME_BYTES
from compare.protocol.messages import Ready, Train, Trained
from compare.protocol.task_messages import Tensor
from compare.reasons import reason_of
from compare.worker.frameworks import Configured, Settings, import_runtime, make_exact, require_device
from compare.worker.refusals import RefusedRequest
from compare.worker.task_arrays import fingerprint, flattened, reply, samples_of
from compare.worker.task_model import TaskModel
from compare.worker.timed_task import TimedTask

LARGEST_MODEL = LARGEST_FRAME_BYTES // (3 * 8)
CHANGE = 1e-6  # relative step of a central difference: the error is about CHANGE², rounding 1e-16 / CHANGE


class TaskSession:
    """One model, its task and its batches. Raises RefusedRequest for an error that the porter must fix."""

    def __init__(self, request: messages.SetUpTask, configured: Configured) -> None:
        self.request = request
        start = time.perf_counter()
        self.runtime = import_runtime(request.framework)
        self.import_seconds = time.perf_counter() - start
        require_device(self.runtime, request.device)
        configured.configure(self.runtime, Settings(request.device, request.threads))
        self.exact = make_exact(request.framework, request.dtype)
        self.task = task_file.read(Path(request.task))
        self.first = self.task.first(2, request.seed)
        self.step, self.masks = 0, 0
        module = importlib.import_module(f"{request.framework}_impl.adapter")
        self.not_provable: type[Exception] = module.NotProvable
        start = time.perf_counter()
        self.adapter: Any = self.refusing(lambda: self.adapted(module))
        self.build_seconds = time.perf_counter() - start
        tap.listeners[:] = [self.adapter.tap]
        self.model = TaskModel(self.adapter)

    def adapted(self, module: Any) -> Any:
        own = task_file.load(Path(self.request.module), FLAGS[self.request.framework])
        for name in ("model", "loss", "optimizer"):
            if not callable(getattr(own, name, None)):
                file = Path(self.request.module).name
                raise RefusedRequest("task", f"{file} has no function {name}; see docs/any_network.md")
        where = {"device": self.request.device, "dtype": self.request.dtype}
        adapter = module.Adapter(own, self.task.inputs, self.mask, **where)
        adapter.build(self.first[0][0])
        if unbound := adapter.unbound():
            raise RefusedRequest("task", UNBOUND.format(names=", ".join(unbound[:3])))
        return adapter

    def refusing(self, ask: Callable[[], Any]) -> Any:
        """Turn an error of the porter's code, or of the framework in it, into a refusal of one line."""
        try:
            return ask()
        except (RefusedRequest, UserError, MemoryError):
            raise
        except self.not_provable as reason:
            raise RefusedRequest("task", str(reason)) from reason
        except Exception as error:
            traceback.print_exc()
            where = place_in(error, self.request.module)
            line = f"{Path(self.request.module).name}: {reason_of(error)}{where}"
            raise RefusedRequest("task", line, logged=True) from error

    def answer(self, request: Any) -> messages.TaskReply | Ready | Trained:
        return self.refusing(lambda: ANSWERS[type(request)](self, request))  # type: ignore[no-any-return]

    def mask(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        """Return 1 for kept units, else 0: the same on both sides, by seed, step and place in the pass."""
        random = np.random.default_rng([self.request.seed, self.step, self.masks])
        self.masks += 1
        return (random.random(shape) >= rate).astype(np.float64)

    def at(self, step: int) -> None:
        self.step, self.masks = step, 0

    def describe(self) -> messages.Manifest:
        """Describe the model from real passes. Raises RefusedRequest if it is random, or if it branches."""
        inputs = self.first[0][0]
        passes = [self.recorded(one, training=True) for one in (inputs, inputs, self.first[1][0])]
        order = [call.leaf.path for call in passes[0].calls]
        self.require_the_same(passes[0], passes[1])
        if order != [call.leaf.path for call in passes[2].calls]:
            raise RefusedRequest(
                "task",
                "the model uses other layers for another batch: a path that depends on data cannot be proved",
            )
        self.require_size()
        self.model.load(self.model.shaped_weights())
        seen = self.recorded(inputs, training=False)
        leaves = self.described(seen)  # as evaluation shows them
        computed = self.computed_dtypes([passes[0], seen])
        return messages.Manifest(
            leaves=leaves,
            order=order,
            dropouts=[(rate, list(shape)) for rate, shape in passes[0].dropouts],
            outputs={name: list(one.shape) for name, one in seen.taps.items()},
            dtypes=self.adapter.dtypes() | computed,
            optimizer=self.adapter.rule(),
            versions=self.runtime.describe(self.request.device)["versions"],
            exact=self.exact,
        )

    def computed_dtypes(self, passes: Sequence[Any]) -> dict[str, str]:
        """Of each floating activation, of the loss and of the optimizer's slots, in a step that is undone."""
        found: dict[str, np.ndarray] = {}
        for seen in passes:
            for call in seen.calls:
                shown = {"input": call.inputs, "output": call.outputs}
                found |= {f"{call.leaf.path} {role}": a for role, own in shown.items() for a in own.values()}
            found |= seen.taps
        kept = self.model.tensors()
        self.at(0)
        self.adapter.prepare(None)
        dtypes = {"loss": self.adapter.loss_dtype(*self.first[0])}
        self.adapter.step(*self.first[0])
        found |= {f"{one.path}/{one.name}": array for one, array in self.model.slot_arrays().items()}
        self.adapter.prepare(None)
        self.model.load(kept)
        return dtypes | {name: str(array.dtype) for name, array in found.items() if array.dtype.kind == "f"}

    def require_size(self) -> None:
        """Raise RefusedRequest if weights and two optimizer slots do not fit one message in float64."""
        count = sum(one.index.size for _, _, one in self.model.bounds.values())
        if count > LARGEST_MODEL:
            raise RefusedRequest(
                "task",
                f"the model has {count:,} parameters; at most {LARGEST_MODEL:,} can be proved. "
                "Make it narrower or shallower for the proof",
            )

    def described(self, seen: Any) -> list[messages.Leaf]:
        """Return the leaves in order of their first calls. Leaves that are never called come last."""
        firsts: dict[str, Any] = {}
        for call in seen.calls:
            firsts.setdefault(call.leaf.path, call)
        paths = [*firsts, *(path for path in self.model.leaves if path not in firsts)]
        return [self.leaf(path, firsts.get(path), seen) for path in paths]

    def leaf(self, path: str, call: Any, seen: Any) -> messages.Leaf:
        leaf = self.model.leaves[path]
        inputs = list(call.inputs.values()) if call else []
        outputs = list(call.outputs.values()) if call else []
        frozen = [name for name, one in leaf.tensors.items() if not one.state and not self.model.trained(one)]
        return messages.Leaf(
            path=path,
            kind=leaf.kind,
            settings=leaf.settings,
            tensors={name: list(one.index.shape) for name, one in leaf.tensors.items()},
            states=[name for name, one in leaf.tensors.items() if one.state],
            frozen=frozen,
            calls=sum(one.leaf is leaf for one in seen.calls),
            input=list(inputs[0].shape) if inputs else None,
            output=list(outputs[0].shape) if outputs else None,
            before=leaf.before,
            fingerprint=fingerprint(inputs[0]) if inputs else [],
        )

    def recorded(self, inputs: Inputs, *, training: bool) -> Any:
        """Record one pass, and restore running statistics. From then on, flattened rows are in order."""
        kept = self.model.states()
        self.at(0)
        recording = self.adapter.forward(inputs, training=training)
        self.model.load(kept)
        self.model.permute_rows()
        return recording

    def require_the_same(self, one: Any, other: Any) -> None:
        """Raise RefusedRequest if two passes over the same batch differ in any bit."""
        for left, right in zip(one.calls, other.calls, strict=False):
            same_input = all(alike(left.inputs[k], right.inputs[k]) for k in left.inputs)
            same_output = all(alike(left.outputs[k], right.outputs[k]) for k in left.outputs)
            if not (same_input and same_output):
                where = f"{left.leaf.path} ({left.leaf.kind})" if same_input else f"before {left.leaf.path}"
                raise RefusedRequest("task", RANDOM.format(where=where))
        if any(not alike(one.taps[name], other.taps[name]) for name in one.taps):
            raise RefusedRequest("task", RANDOM.format(where="after the last layer"))

    def weights(self, request: messages.TaskWeights) -> messages.TaskArrays:
        self.model.load(safetensors.numpy.load(request.safetensors))
        return reply(self.model.weight_arrays())

    def batch(self, place: int, scale: float) -> tuple[Inputs, Any]:
        inputs, targets = self.task.first(place + 1, self.request.seed)[place]
        scaled = {name: one * scale if one.dtype.kind == "f" else one for name, one in inputs.items()}
        return scaled if scale != 1 else inputs, targets

    def forward(self, request: messages.TaskForward) -> messages.TaskArrays:
        seen = self.recorded(self.batch(request.batch, request.scale)[0], training=request.training)
        counts: dict[str, int] = {}
        arrays: dict[Tensor, np.ndarray] = {}
        for call in seen.calls:
            path = call.leaf.path
            place = counts[path] = counts.get(path, -1) + 1
            arrays |= {Tensor("input", path, name, place): one for name, one in call.inputs.items()}
            arrays |= {Tensor("output", path, name, place): one for name, one in call.outputs.items()}
        arrays |= {Tensor("tap", name, ""): one for name, one in seen.taps.items()}
        return reply(arrays, thresholds=seen.thresholds)

    def gradients(self, request: messages.TaskGradients) -> messages.TaskArrays:
        kept = self.model.states()
        self.at(0)
        loss, found = self.adapter.gradients(*self.batch(request.batch, request.scale))
        penalties = self.adapter.penalties()
        self.model.load(kept)
        arrays = self.model.canonical_gradients(found, "gradient")
        return reply(arrays, loss=loss, penalties=penalties)

    def train(self, request: messages.TaskTrain) -> messages.TaskArrays:
        self.adapter.prepare(request.plain_rate)
        losses, rates, rules = [], [], []
        arrays: dict[Tensor, np.ndarray] = {}
        batches = islice(self.task.batches(self.request.seed), request.steps)
        for step, (inputs, targets) in enumerate(batches):
            self.at(step)
            rates.append(self.adapter.rule().get("learning_rate", self.adapter.rule().get("lr")))
            loss, found = self.adapter.step(inputs, targets)
            losses.append(loss)
            rules.append(self.adapter.rule())
            if step < request.keep:
                arrays |= samples_of(self.model.canonical_gradients(found, "kept gradient", step))
                arrays |= samples_of(
                    {
                        Tensor("kept weight", one.path, one.name, step): array
                        for one, array in self.model.weight_arrays().items()
                    }
                )
        arrays |= self.model.weight_arrays(request.steps)
        arrays |= self.model.slot_arrays()
        given = {"decays": self.model.decays(), "repeated": self.model.names_of(self.adapter.repeated)}
        return reply(arrays, losses=losses, rates=rates, rules=rules, **given)

    def initial(self, request: messages.TaskInitial) -> messages.TaskArrays:
        """Return [seeds, 3] for each tensor: mean, standard deviation, largest magnitude."""
        rows: dict[Tensor, list[np.ndarray]] = {}
        for seed in range(request.seeds):
            for leaf in self.adapter.rebuilt(seed, self.first[0][0]):
                for name, bound in leaf.tensors.items():
                    one = self.model.canonical(bound)
                    figures = np.array([one.mean(), one.std(), np.abs(one).max()], np.float64)
                    rows.setdefault(Tensor("weight", leaf.path, name), []).append(figures)
        return reply({tensor: np.stack(found) for tensor, found in rows.items()})

    def own_weights(self, request: messages.TaskOwnWeights) -> messages.TaskArrays:
        leaves = self.adapter.rebuilt(request.seed, self.first[0][0])
        return reply(
            {
                Tensor("weight", leaf.path, name): self.model.canonical(bound)
                for leaf in leaves
                for name, bound in leaf.tensors.items()
            }
        )

    def metric(self, _: messages.TaskMetric) -> messages.TaskArrays:
        """Return its mean over the examples of the task's test batches."""
        values, sizes = [], []
        for inputs, targets in self.task.tests():
            taps = self.recorded(inputs, training=False).taps
            named = {
                name.removeprefix("output/"): one for name, one in taps.items() if name.startswith("output/")
            }
            values.append(self.task.measured(named or taps["output"], targets))
            sizes.append(len(next(iter(inputs.values()))))
        if not values:
            raise RefusedRequest("task", f"{self.task.name}: test_batches() yields no batch")
        return reply({}, metric=float(np.average(values, weights=sizes)))

    def time(self, request: messages.TimeTask) -> Ready:
        self.timed = TimedTask(self, request)
        return self.timed.ready()

    def train_timed(self, request: Train) -> Trained:
        return self.timed.train(request.steps)

    def difference(self, request: messages.TaskDifference) -> messages.TaskArrays:
        """Return the loss's slope in one element, by central differences. Restore the weights afterwards."""
        kept = self.model.tensors()
        array = kept[request.tensor].copy()
        flat = array.reshape(-1)
        middle = flat[request.place]
        width = CHANGE * max(abs(middle), 1.0)
        losses = []
        for sign in (1, -1):
            flat[request.place] = middle + sign * width
            self.model.load({**kept, request.tensor: array})
            self.at(0)
            losses.append(self.adapter.loss(*self.first[0]))
        self.model.load(kept)
        return reply({}, slope=(losses[0] - losses[1]) / (2 * width))

    def digests(self, request: messages.TaskDigests) -> messages.TaskArrays:
        found = []
        for inputs, targets in islice(self.task.usable(self.request.seed), request.steps):
            flat = [*inputs.items(), *flattened(targets, "targets")]
            found.append({name: f"{array_digest(one)} {list(one.shape)}" for name, one in flat})
        return reply({}, digests=found)


FLAGS = {"tf": "--tensorflow-module", "torch": "--torch-module"}

RANDOM = (
    "two passes over the same batch differ, {where}: an operation there is random and is not dropout. "
    "Switch it off for the proof"
)

UNBOUND = (
    "no layer shows {names} to the ladder: a weight that is made from others (weight_norm), or an option "
    "that it does not know. Build the layer without it for the proof"
)

ANSWERS: dict[type, Callable[[TaskSession, Any], Any]] = {
    messages.TaskWeights: TaskSession.weights,
    messages.TaskForward: TaskSession.forward,
    messages.TaskGradients: TaskSession.gradients,
    messages.TaskTrain: TaskSession.train,
    messages.TaskInitial: TaskSession.initial,
    messages.TaskDifference: TaskSession.difference,
    messages.TaskDigests: TaskSession.digests,
    messages.TaskOwnWeights: TaskSession.own_weights,
    messages.TimeTask: TaskSession.time,
    messages.TaskMetric: TaskSession.metric,
    Train: TaskSession.train_timed,
}


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """To the bit. What is not a number is in the same places: it is not random, and a later rung names it."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def place_in(error: Exception, file: str) -> str:
    """Return the last line of the porter's file in the error's traceback, in words."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (line {frames[-1].lineno} of {Path(file).name})" if frames else ""
