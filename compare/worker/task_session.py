"""A porter's own network in a worker: what the ladder asks, answered through a framework's adapter."""

from __future__ import annotations

import importlib
import traceback
import zlib
from collections.abc import Callable, Mapping
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
from compare.protocol.task_messages import Tensor
from compare.worker.frameworks import Configured, Settings, import_runtime, require_device
from compare.worker.refusals import RefusedRequest

SAMPLE = 4096  # elements of a tensor that are sent for each step that the optimizer's rule is tried on
CHANGE = 1e-6  # relative, of a central difference: its error is about CHANGE², rounding 1e-16 / CHANGE


class TaskSession:
    """One model, its task and its batches. Raises RefusedRequest for what a porter must mend."""

    def __init__(self, request: messages.SetUpTask, configured: Configured) -> None:
        self.request = request
        self.runtime = import_runtime(request.framework)
        require_device(self.runtime, request.device)
        configured.configure(self.runtime, Settings(request.device, request.threads))
        self.exact = self.make_exact()
        self.task = task_file.read(Path(request.task))
        self.first = self.task.first(2, request.seed)
        self.step, self.masks = 0, 0
        module = importlib.import_module(f"{request.framework}_impl.adapter")
        self.not_provable: type[Exception] = module.NotProvable
        self.adapter: Any = self.refusing(lambda: self.adapted(module))
        tap.listeners[:] = [self.adapter.tap]
        self.leaves: dict[str, Any] = {leaf.path: leaf for leaf in self.adapter.leaves}
        self.bounds: dict[str, tuple[str, str, Any]] = {
            f"{path}/{name}": (path, name, bound)
            for path, leaf in self.leaves.items()
            for name, bound in leaf.tensors.items()
        }

    def adapted(self, module: Any) -> Any:
        own = task_file.load(Path(self.request.module), FLAGS[self.request.framework])
        for name in ("model", "loss", "optimizer"):
            if not callable(getattr(own, name, None)):
                file = Path(self.request.module).name
                raise RefusedRequest("task", f"{file} has no function {name}; see docs/any_network.md")
        where = {"device": self.request.device, "dtype": self.request.dtype}
        adapter = module.Adapter(own, self.task.inputs, self.mask, **where)
        adapter.build(self.first[0][0])
        return adapter

    def make_exact(self) -> str | None:
        if self.request.framework != "tf" or self.request.dtype != "float64":
            return None
        exact: str = importlib.import_module("tf_impl.exact").make_floats_exact()
        return exact

    def refusing(self, ask: Callable[[], Any]) -> Any:
        """Turn what a porter's code, or the framework in it, raises into a refusal of one line."""
        try:
            return ask()
        except (RefusedRequest, UserError, MemoryError):
            raise
        except self.not_provable as reason:
            raise RefusedRequest("task", str(reason)) from reason
        except Exception as error:
            traceback.print_exc()
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
            file = Path(self.request.module).name
            raise RefusedRequest(
                "task",
                f"{file}: {type(error).__name__}: {lines[0]}{place_in(error, self.request.module)}"[:500],
            ) from error

    def answer(self, request: Any) -> messages.TaskReply:
        return self.refusing(lambda: ANSWERS[type(request)](self, request))  # type: ignore[no-any-return]

    def mask(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        """1 for what stays. The same numbers on both sides: by seed, step, and place in the pass."""
        random = np.random.default_rng([self.request.seed, self.step, self.masks])
        self.masks += 1
        return (random.random(shape) >= rate).astype(np.float64)

    def at(self, step: int) -> None:
        self.step, self.masks = step, 0

    def describe(self) -> messages.Manifest:
        """Look at the model in real passes. Raises RefusedRequest for a random one, or one that branches."""
        inputs = self.first[0][0]
        passes = [self.recorded(one, training=True) for one in (inputs, inputs, self.first[1][0])]
        order = [call.leaf.path for call in passes[0].calls]
        self.require_the_same(passes[0], passes[1])
        if order != [call.leaf.path for call in passes[2].calls]:
            raise RefusedRequest(
                "task",
                "the model takes other layers for another batch; a path that depends on data has no proof",
            )
        self.load(self.shaped_weights())
        seen = self.recorded(inputs, training=False)
        self.adapter.prepare(None)
        return messages.Manifest(
            leaves=self.described(seen),
            order=order,
            dropouts=[(rate, list(shape)) for rate, shape in passes[0].dropouts],
            outputs={name: list(one.shape) for name, one in seen.taps.items()},
            dtypes=self.adapter.dtypes(),
            optimizer=self.adapter.rule(),
            versions=self.runtime.describe(self.request.device)["versions"],
            exact=self.exact,
        )

    def described(self, seen: Any) -> list[messages.Leaf]:
        """Leaves in order of their first calls; what is never called comes last."""
        firsts: dict[str, Any] = {}
        for call in seen.calls:
            firsts.setdefault(call.leaf.path, call)
        paths = [*firsts, *(path for path in self.leaves if path not in firsts)]
        return [self.leaf(path, firsts.get(path), seen) for path in paths]

    def leaf(self, path: str, call: Any, seen: Any) -> messages.Leaf:
        leaf = self.leaves[path]
        inputs = list(call.inputs.values()) if call else []
        outputs = list(call.outputs.values()) if call else []
        frozen = [name for name, one in leaf.tensors.items() if not one.state and not self.trained(one)]
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
            fingerprint=fingerprint(inputs[0]) if inputs else [],
        )

    def trained(self, bound: Any) -> bool:
        return any(self.adapter.trainable(one) for one in bound.variables)

    def recorded(self, inputs: Inputs, *, training: bool) -> Any:
        """One pass; running statistics are put back. Flattened rows are known from then on."""
        kept = self.states()
        self.at(0)
        recording = self.adapter.forward(inputs, training=training)
        self.load(kept)
        self.permute_rows()
        return recording

    def permute_rows(self) -> None:
        """Put a dense kernel's rows after a flatten, and a norm's channels, into canonical order."""
        orders = self.adapter.recorder.axis_orders
        for path, order in orders.items():
            leaf = self.leaves[path]
            for name, axis in leaf.channel_axes.items():
                if leaf.tensors[name].index.shape[axis] == len(order):
                    leaf.tensors[name].index = leaf.tensors[name].index.take(order, axis=axis)
            leaf.channel_axes = {}

    def require_the_same(self, one: Any, other: Any) -> None:
        """Two passes over the same batch must agree to the bit."""
        for left, right in zip(one.calls, other.calls, strict=False):
            same_input = all(np.array_equal(left.inputs[k], right.inputs[k]) for k in left.inputs)
            same_output = all(np.array_equal(left.outputs[k], right.outputs[k]) for k in left.outputs)
            if not (same_input and same_output):
                where = f"{left.leaf.path} ({left.leaf.kind})" if same_input else f"before {left.leaf.path}"
                raise RefusedRequest("task", RANDOM.format(where=where))
        if any(not np.array_equal(one.taps[name], other.taps[name]) for name in one.taps):
            raise RefusedRequest("task", RANDOM.format(where="after the last layer"))

    def shaped_weights(self) -> dict[str, np.ndarray]:
        """Weights that depend on a layer's kind and its kernel's shape alone, the same in both frameworks."""
        return {
            whole: shaped(self.leaves[path].kind, name, bound.index.shape)
            for whole, (path, name, bound) in self.bounds.items()
        }

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Canonical tensors into the model; a variable that holds several is written once."""
        for path, name, bound in self.bounds.values():
            array = weights.get(f"{path}/{name}")
            if array is None:
                continue
            for variable in bound.variables:
                flat = self.adapter.read(variable)
                shape = flat.shape
                flat = flat.reshape(-1)
                flat[bound.index.reshape(-1)] = array.reshape(-1) / len(bound.variables)
                self.adapter.write(variable, flat.reshape(shape))

    def tensors(self) -> dict[str, np.ndarray]:
        return {name: self.canonical(bound) for name, (_, _, bound) in self.bounds.items()}

    def states(self) -> dict[str, np.ndarray]:
        return {name: self.canonical(bound) for name, (_, _, bound) in self.bounds.items() if bound.state}

    def canonical(self, bound: Any) -> np.ndarray:
        arrays = [self.adapter.read(one).reshape(-1)[bound.index] for one in bound.variables]
        total: np.ndarray = sum(arrays[1:], arrays[0])
        return total

    def canonical_gradients(
        self, found: Mapping[int, Any], role: str, step: int = 0
    ) -> dict[Tensor, np.ndarray]:
        """By canonical name; of two variables that are summed both have the same."""
        arrays = {}
        for path, name, bound in self.bounds.values():
            own = [found[key] for one in bound.variables if (key := self.adapter.key(one)) in found]
            if own and not bound.state:
                gradient = own[0]
                arrays[Tensor(role, path, name, step)] = self.adapter.read(gradient).reshape(-1)[bound.index]
        return arrays

    def weights(self, request: messages.TaskWeights) -> messages.TaskArrays:
        self.load(safetensors.numpy.load(request.safetensors))
        return reply(self.weight_arrays())

    def weight_arrays(self, step: int = 0) -> dict[Tensor, np.ndarray]:
        return {
            Tensor("weight", path, name, step): self.canonical(one)
            for path, name, one in self.bounds.values()
        }

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
        return reply(arrays)

    def gradients(self, request: messages.TaskGradients) -> messages.TaskArrays:
        kept = self.states()
        self.at(0)
        loss, found = self.adapter.gradients(*self.batch(request.batch, request.scale))
        penalties = self.adapter.penalties()
        self.load(kept)
        arrays = self.canonical_gradients(found, "gradient")
        return reply(arrays, loss=loss, penalties=penalties)

    def train(self, request: messages.TaskTrain) -> messages.TaskArrays:
        self.adapter.prepare(request.plain_rate)
        losses, rates = [], []
        arrays: dict[Tensor, np.ndarray] = {}
        batches = islice(self.task.batches(self.request.seed), request.steps)
        for step, (inputs, targets) in enumerate(batches):
            self.at(step)
            rates.append(self.adapter.rule().get("learning_rate", self.adapter.rule().get("lr")))
            loss, found = self.adapter.step(inputs, targets)
            losses.append(loss)
            if step < request.keep:
                arrays |= sampled(self.canonical_gradients(found, "kept gradient", step))
                arrays |= sampled(
                    {
                        Tensor("kept weight", one.path, one.name, step): array
                        for one, array in self.weight_arrays().items()
                    }
                )
        arrays |= self.weight_arrays(request.steps)
        arrays |= self.slot_arrays()
        decays = self.adapter.decays()
        named = {
            f"{path}/{name}": decays[self.adapter.key(one.variables[0])]
            for path, name, one in self.bounds.values()
            if self.adapter.key(one.variables[0]) in decays
        }
        return reply(arrays, losses=losses, rates=rates, rule=self.adapter.rule(), decays=named)

    def slot_arrays(self) -> dict[Tensor, np.ndarray]:
        slots = self.adapter.slots()
        arrays = {}
        for path, name, bound in self.bounds.values():
            for slot, variable in slots.get(self.adapter.key(bound.variables[0]), {}).items():
                value = self.adapter.read(variable).reshape(-1)
                arrays[Tensor("slot", path, f"{name} {slot}")] = value[bound.index]
        return arrays

    def initial(self, request: messages.TaskInitial) -> messages.TaskArrays:
        """[seeds, 3] a tensor: mean, standard deviation, largest magnitude."""
        rows: dict[Tensor, list[np.ndarray]] = {}
        for seed in range(request.seeds):
            for leaf in self.adapter.rebuilt(seed, self.first[0][0]):
                for name, bound in leaf.tensors.items():
                    one = self.canonical(bound)
                    figures = np.array([one.mean(), one.std(), np.abs(one).max()], np.float64)
                    rows.setdefault(Tensor("weight", leaf.path, name), []).append(figures)
        return reply({tensor: np.stack(found) for tensor, found in rows.items()})

    def difference(self, request: messages.TaskDifference) -> messages.TaskArrays:
        """Nothing is changed by it in the end."""
        kept = self.tensors()
        array = kept[request.tensor].copy()
        flat = array.reshape(-1)
        middle = flat[request.place]
        width = CHANGE * max(abs(middle), 1.0)
        losses = []
        for sign in (1, -1):
            flat[request.place] = middle + sign * width
            self.load({**kept, request.tensor: array})
            self.at(0)
            losses.append(self.adapter.loss(*self.first[0]))
        self.load(kept)
        return reply({}, slope=(losses[0] - losses[1]) / (2 * width))

    def digests(self, request: messages.TaskDigests) -> messages.TaskArrays:
        found = []
        for inputs, targets in islice(self.task.batches(self.request.seed), request.steps):
            flat = [*inputs.items(), *flattened(targets, "targets")]
            found.append({name: f"{array_digest(one)} {list(one.shape)}" for name, one in flat})
        return reply({}, digests=found)


FLAGS = {"tf": "--tensorflow-module", "torch": "--torch-module"}

RANDOM = (
    "two passes over the same batch differ, {where}: something there is random and is not dropout. "
    "Switch it off for the proof"
)

ANSWERS: dict[type, Callable[[TaskSession, Any], Any]] = {
    messages.TaskWeights: TaskSession.weights,
    messages.TaskForward: TaskSession.forward,
    messages.TaskGradients: TaskSession.gradients,
    messages.TaskTrain: TaskSession.train,
    messages.TaskInitial: TaskSession.initial,
    messages.TaskDifference: TaskSession.difference,
    messages.TaskDigests: TaskSession.digests,
}


def reply(arrays: Mapping[Tensor, np.ndarray], **numbers: Any) -> messages.TaskArrays:
    contiguous = {str(place): np.ascontiguousarray(one) for place, one in enumerate(arrays.values())}
    return messages.TaskArrays(list(arrays), safetensors.numpy.save(contiguous), numbers)


def sampled(arrays: Mapping[Tensor, np.ndarray]) -> dict[Tensor, np.ndarray]:
    return {tensor: one.reshape(-1)[:SAMPLE].copy() for tensor, one in arrays.items()}


def shaped(kind: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Variances and scales 1, shifts 0, kernels random by kind and shape."""
    last = name.rpartition("/")[2]
    if last in ("gamma", "moving_variance"):
        return np.ones(shape)
    if "bias" in last or last in ("beta", "moving_mean"):
        return np.zeros(shape)
    random = np.random.default_rng(zlib.crc32(f"{kind} {name} {list(shape)}".encode()))
    fan = max(1, int(np.prod(shape[:-1])))
    return np.asarray(random.standard_normal(shape) * (2 / fan) ** 0.5)


def fingerprint(array: np.ndarray) -> list[float]:
    """Four sums that tell one input from another, whatever its size: a mean and three projections."""
    flat = array.reshape(-1).astype(np.float64)
    waves = [np.cos(np.arange(flat.size) * angle + angle) for angle in (0.9, 2.3, 4.1)]
    scale = max(1, flat.size) ** 0.5
    return [float(flat.mean()) if flat.size else 0.0, *(float(flat @ wave) / scale for wave in waves)]


def flattened(value: Any, name: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        return [(name, value)]
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [one for key, own in pairs for one in flattened(own, f"{name}/{key}")]


def place_in(error: Exception, file: str) -> str:
    """Return the line of the porter's file that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (line {frames[-1].lineno} of {Path(file).name})" if frames else ""
