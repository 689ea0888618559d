"""Reads a porter's task: the inputs, the training batches, and the known differences.

A task is a Python file that imports neither framework. Both workers and the parent read it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

import numpy as np

from compare import own_code
from compare.errors import UserError
from compare.reasons import reason_of

DEFAULT_STEPS = 20

Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A task: layouts by input; `pairs` and `differs` by TensorFlow path. See docs/any_network.md."""

    name: str
    inputs: Mapping[str, str]
    reference: str
    make: Callable[[int], Iterator[Any]]
    pairs: Mapping[str, str]
    differs: Mapping[str, str]
    steps: int
    metric: Callable[[Any, Any], Any] | None = None  # of outputs and targets
    make_tests: Callable[[], Iterator[Any]] | None = None

    def batches(self, seed: int) -> Iterator[tuple[Inputs, Any]]:
        """Yield inputs by name, and targets as the loss takes them. Raises UserError for another form."""
        yield from self.formed(self.made(f"batches({seed})", partial(self.make, seed)))

    def tests(self) -> Iterator[tuple[Inputs, Any]]:
        """Return the batches that `metric` is taken of, which end. Raises UserError for another form."""
        assert self.make_tests is not None
        yield from self.formed(self.made("test_batches()", self.make_tests))

    def measured(self, outputs: Any, targets: Any) -> float:
        """Return the metric of a batch. Raises UserError for one that is no number."""
        assert self.metric is not None
        try:
            return float(self.metric(outputs, targets))
        except Exception as error:
            raise self.failed("metric()", error) from error

    def formed(self, made: Iterator[Any]) -> Iterator[tuple[Inputs, Any]]:
        for batch in made:
            if not isinstance(batch, tuple) or len(batch) != 2:
                raise UserError(f"{self.name}: a batch is {describe(batch)}; each must be (inputs, targets).")
            if (wrong := not_an_array(batch[1])) is not None:
                raise UserError(
                    f"{self.name}: the targets hold {describe(wrong)}. Make them a NumPy array, or a dict or "
                    "tuple of arrays."
                )
            yield self.inputs_by_name(batch[0]), batch[1]

    def made(self, what: str, make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        try:
            yield from make()
        except Exception as error:
            raise self.failed(what, error) from error

    def failed(self, what: str, error: Exception) -> UserError:
        frames = extract_tb(error.__traceback__)
        lines = [one.lineno for one in frames if Path(one.filename).name == self.name]
        where = f" (line {lines[-1]})" if lines else ""
        return UserError(f"{self.name}: {what} fails{where}: {reason_of(error).line}")

    def usable(self, seed: int) -> Iterator[tuple[Inputs, Any]]:
        """As `batches`. Raises UserError, too, for inputs that no network can be proved on."""
        for number, (inputs, targets) in enumerate(self.batches(seed)):
            for name, array in inputs.items():
                if (reason := unusable(array, self.inputs[name])) is not None:
                    raise UserError(f"{self.name}: input {name} of batch {number} {reason}.")
            yield inputs, targets

    def inputs_by_name(self, inputs: Any) -> Inputs:
        """Return inputs by name, from one array, a dict, or a tuple in the order of `inputs`."""
        given = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else describe(inputs)
        if isinstance(inputs, np.ndarray):
            inputs = (inputs,)
        if isinstance(inputs, tuple | list):
            inputs = dict(zip(self.inputs, inputs, strict=False)) if len(inputs) == len(self.inputs) else {}
        if not isinstance(inputs, Mapping) or set(inputs) != set(self.inputs):
            wanted = ", ".join(self.inputs)
            raise UserError(
                f"{self.name}: a batch's inputs must be the arrays that `inputs` names: {wanted}. "
                f"It has {given}."
            )
        wrong = next((name for name in self.inputs if not isinstance(inputs[name], np.ndarray)), None)
        if wrong is not None:
            raise UserError(
                f"{self.name}: input {wrong} is {describe(inputs[wrong])}; make it a NumPy array."
            )
        return {name: inputs[name] for name in self.inputs}

    def first(self, count: int, seed: int) -> list[tuple[Inputs, Any]]:
        """Return the first `count` batches. Raises UserError if there are fewer."""
        found = list(islice(self.usable(seed), count))
        if len(found) < count:
            raise UserError(
                f"{self.name}: batches({seed}) ends after {len(found)}; it must never end.\n"
                "Wrap its loop in `while True:`."
            )
        return found


AXES = {"NHWC": 4, "NDHWC": 5, "NWC": 3}  # of the layouts that torch gets with channels first


def unusable(array: np.ndarray, layout: str) -> str | None:
    """Return what is wrong with an input, or None."""
    if array.dtype.kind not in "biuf":
        return f"has the dtype {array.dtype}; make it an array of numbers"
    if array.size == 0:
        return f"is empty: {list(array.shape)}"
    if AXES.get(layout, array.ndim) != array.ndim:
        return f"has the shape {list(array.shape)}, and `inputs` says {layout}: {AXES[layout]} axes"
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        return f"is {array[tuple(place)]} at {place}; every number must be finite"
    return None


def not_an_array(value: Any) -> Any | None:
    """Return the first thing in targets that is no NumPy array, or None."""
    if isinstance(value, np.ndarray):
        return None
    if not isinstance(value, Mapping | tuple | list) or not value:
        return value
    inside = value.values() if isinstance(value, Mapping) else value
    return next((wrong for one in inside if (wrong := not_an_array(one)) is not None), None)


def describe(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} {list(shape)}"


def read(path: Path) -> Task:
    """Return the task in a file. Raises UserError, naming the broken rule, if the file is not a task."""
    module = load(path, "--task")
    name = path.name
    inputs = getattr(module, "inputs", None)
    if not isinstance(inputs, Mapping) or not inputs:
        raise UserError(
            f'{name} has no `inputs`: a dict of layouts by name, such as inputs = {{"images": "NHWC"}}.'
        )
    if not callable(getattr(module, "batches", None)):
        raise UserError(
            f"{name} has no `batches`: a function batches(seed) that yields (inputs, targets) as NumPy."
        )
    reference = getattr(module, "reference", "tf")
    if reference not in ("tf", "torch"):
        raise UserError(f'{name}: reference is {reference!r}; it must be "tf" or "torch".')
    steps = getattr(module, "steps", DEFAULT_STEPS)
    if not isinstance(steps, int) or steps < 1:
        raise UserError(f"{name}: steps is {steps!r}; it must be a whole number of at least 1.")
    maps = {option: text_map(module, option, name) for option in ("pairs", "differs")}
    return Task(
        name,
        dict(inputs),
        reference,
        module.batches,
        maps["pairs"],
        maps["differs"],
        steps,
        *metric_of(module, name),
    )


def metric_of(module: ModuleType, name: str) -> tuple[Any, Any]:
    """Return both functions, or None for both."""
    found = getattr(module, "metric", None), getattr(module, "test_batches", None)
    if not (all(map(callable, found)) or found == (None, None)):
        raise UserError(
            f"{name}: `metric` and `test_batches` go together: metric(outputs, targets) is a number, and "
            "test_batches() yields the (inputs, targets) that it is taken of, and ends."
        )
    return found


def text_map(module: ModuleType, option: str, name: str) -> Mapping[str, str]:
    value = getattr(module, option, {})
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in [*value, *value.values()]):
        raise UserError(f"{name}: `{option}` must be a dict of strings, path to {OPTION_VALUES[option]}.")
    return dict(value)


OPTION_VALUES = {"pairs": "path", "differs": "the reason why the difference is accepted"}


def load(path: Path, flag: str) -> ModuleType:
    """Import a Python file and drop what it prints. Raises UserError if the import raises anything."""
    if not path.is_file():
        raise UserError(f"{flag}: {path} is not a file. Name a Python file.")
    silence = io.StringIO()
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            return own_code.import_file(path)
    except UserError as error:
        raise UserError(f"{flag}: {error}") from error
