"""Asks both sides at the same time, each twice: at the probing weights, and at weights moved by one unit."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from compare.data.task_file import Task
from compare.protocol.task_messages import Leaf, TaskRequest, Tensor
from compare.task.alignment import Alignment, Pair
from compare.task.closeness import Found
from compare.task.side import Arrays, TaskSide, Weights
from compare.task.weights import moved_by_a_unit, neutral, probing

R = TypeVar("R")


@dataclass
class Evidence:
    """Arrays of both sides. left, right: TensorFlow's and torch's at the weights; moved: at moved weights."""

    left: Arrays
    right: Arrays
    moved: tuple[Arrays, Arrays]
    numbers: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))
    moved_numbers: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))


@dataclass
class Climber:
    """The data that every rung needs: the two sides, their alignment, and the weights for both."""

    task: Task
    sides: tuple[TaskSide, TaskSide]
    pool: Executor
    dtype: str
    seed: int
    alignment: Alignment = field(default_factory=Alignment)
    weights: dict[Tensor, np.ndarray] = field(default_factory=dict)
    moved_weights: dict[Tensor, np.ndarray] = field(default_factory=dict)
    zeros: set[tuple[str, str]] = field(default_factory=set)  # parameters without a gradient, within rounding
    evaluated: Evidence | None = None  # the activations in evaluation
    trained: Evidence | None = None
    failing: tuple[Found, Evidence, str] | None = None  # the first tensor that fails, and the rung's id

    def both(self, ask: Callable[[TaskSide], R]) -> tuple[R, R]:
        """Call `ask` for both sides at the same time. Raise the first side's failure first."""
        left, right = (self.pool.submit(ask, side) for side in self.sides)
        return left.result(), right.result()

    def twice(self, request: TaskRequest, weights: tuple[Weights, Weights] | None = None) -> Evidence:
        """Send the request at the weights, then at the moved weights."""

        def ask(side: TaskSide) -> tuple[list[Arrays], list[dict[str, Any]]]:
            found, numbers = [], []
            for one in weights or (self.weights, self.moved_weights):
                side.load(one)
                found.append(side.ask(request))
                numbers.append(side.numbers)
            return found, numbers

        (left, left_numbers), (right, right_numbers) = self.both(ask)
        return Evidence(
            left[0],
            right[0],
            (left[1], right[1]),
            (left_numbers[0], right_numbers[0]),
            (left_numbers[1], right_numbers[1]),
        )

    def make_weights(self) -> None:
        """Make probing weights for tensors with a partner, and neutral values for accepted ones without."""
        random = np.random.default_rng([self.seed, 15])
        for left, right in self.alignment.pairs:
            for name in tensor_names(left, right):
                shape = left.tensors.get(name, right.tensors.get(name, []))
                alone = name not in left.tensors or name not in right.tensors
                made = neutral(name, shape) if alone else probing(name, shape, random)
                tensor = Tensor("weight", left.path, name)
                self.weights[tensor] = made.astype(self.dtype)
                own = self.weights[tensor]
                self.moved_weights[tensor] = own if alone else moved_by_a_unit(own, random)

    def accepted(self, path: str, name: str = "") -> bool:
        """Return whether the task lists this tensor, or its layer, as known to differ."""
        whole = f"{path}/{name}" if name else path
        return any(
            fnmatch.fnmatchcase(one, pattern) for pattern in self.task.differs for one in (path, whole)
        )

    def is_zero(self, tensor: Tensor) -> bool:
        """Return whether the gradient of this parameter (or slot's parameter) is zero within rounding."""
        return (tensor.path, tensor.name.partition(" ")[0]) in self.zeros

    def judged(self, arrays: Arrays, *roles: str) -> Arrays:
        """Return the arrays to compare: those of layers with a partner that are not accepted as different."""
        paired = {left.path for left, _ in self.alignment.pairs}
        return {
            tensor: array
            for tensor, array in arrays.items()
            if tensor.role in roles
            and (tensor.role == "tap" or tensor.path in paired)
            and not self.accepted(tensor.path, tensor.name)
        }

    @property
    def examples(self) -> int:
        """Return the batch size, which is 0 if no layer shows it."""
        return next((left.input[0] for left, _ in self.alignment.pairs if left.input), 0)

    def pair(self, path: str) -> Pair | None:
        return next((pair for pair in self.alignment.pairs if pair[0].path == path), None)

    @property
    def reference(self) -> int:
        """Return the side, 0 or 1, that defines the order of calls and the correct values."""
        return 0 if self.task.reference == "tf" else 1


def tensor_names(left: Leaf, right: Leaf) -> list[str]:
    return [*left.tensors, *(name for name in right.tensors if name not in left.tensors)]


def finite(values: Sequence[float]) -> list[float | None]:
    return [float(one) if np.isfinite(one) else None for one in values]
