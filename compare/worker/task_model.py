"""Reads and writes a model's tensors in canonical names and layouts, through a framework's adapter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from compare.protocol.task_messages import Tensor
from compare.worker.task_arrays import shaped


class TaskModel:
    """A model's canonical tensors by `path/name`. Each one is bound to places in the model's variables."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.leaves: dict[str, Any] = {leaf.path: leaf for leaf in adapter.leaves}
        self.bounds: dict[str, tuple[str, str, Any]] = {
            f"{path}/{name}": (path, name, bound)
            for path, leaf in self.leaves.items()
            for name, bound in leaf.tensors.items()
        }

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Write canonical tensors into the model. A variable that holds several tensors is written once."""
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
        """Return gradients by canonical name. Two variables that are summed have the same gradient."""
        arrays = {}
        for path, name, bound in self.bounds.values():
            own = [found[key] for one in bound.variables if (key := self.adapter.key(one)) in found]
            if own and not bound.state:
                gradient = own[0]
                arrays[Tensor(role, path, name, step)] = self.adapter.read(gradient).reshape(-1)[bound.index]
        return arrays

    def weight_arrays(self, step: int = 0) -> dict[Tensor, np.ndarray]:
        return {
            Tensor("weight", path, name, step): self.canonical(one)
            for path, name, one in self.bounds.values()
        }

    def slot_arrays(self) -> dict[Tensor, np.ndarray]:
        slots = self.adapter.slots()
        arrays = {}
        for path, name, bound in self.bounds.values():
            for slot, variable in slots.get(self.adapter.key(bound.variables[0]), {}).items():
                value = self.adapter.read(variable).reshape(-1)
                arrays[Tensor("slot", path, f"{name} {slot}")] = value[bound.index]
        return arrays

    def shaped_weights(self) -> dict[str, np.ndarray]:
        """Return weights that depend only on layer kind and kernel shape, the same in both frameworks."""
        return {
            whole: shaped(self.leaves[path].kind, name, bound.index.shape)
            for whole, (path, name, bound) in self.bounds.items()
        }

    def trained(self, bound: Any) -> bool:
        return any(self.adapter.trainable(one) for one in bound.variables)

    def permute_rows(self) -> None:
        """Put a dense kernel's rows after a flatten, and a norm's channels, into canonical order."""
        orders = self.adapter.recorder.axis_orders
        for path, order in orders.items():
            leaf = self.leaves[path]
            for name, axis in leaf.channel_axes.items():
                if leaf.tensors[name].index.shape[axis] == len(order):
                    leaf.tensors[name].index = leaf.tensors[name].index.take(order, axis=axis)
            leaf.channel_axes = {}

    def names_of(self, keys: Collection[int]) -> list[str]:
        return [
            name
            for name, (_, _, one) in self.bounds.items()
            if any(self.adapter.key(variable) in keys for variable in one.variables)
        ]

    def decays(self) -> dict[str, float]:
        """Return the weight decay of each parameter."""
        found = self.adapter.decays()
        keys = {name: self.adapter.key(bound.variables[0]) for name, (_, _, bound) in self.bounds.items()}
        return {name: found[key] for name, key in keys.items() if key in found}
