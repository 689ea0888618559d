"""Asks one framework's worker about a porter's network, by the names that both sides share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from compare.processes.launcher import Worker
from compare.processes.replies import arrays_of
from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Manifest, TaskArrays, Tensor

Arrays = dict[Tensor, np.ndarray]
Weights = Mapping[Tensor, np.ndarray]  # with the TensorFlow side's paths


class TaskSide:
    """One side. Raises WorkerRefused for an error that the porter must fix, WorkerFailed if a worker dies."""

    def __init__(self, framework: str, worker: Worker, timeout: float) -> None:
        self.framework, self.worker, self.timeout = framework, worker, timeout
        self.own_paths: dict[str, str] = {}  # from shared path to this side's path
        self.numbers: dict[str, Any] = {}  # those of the last reply

    def set_up(self, files: tuple[Path, Path], **settings: Any) -> Manifest:
        """Set the worker up. Return the model's manifest. files: the model's and the task's."""
        module, task = (str(one.resolve()) for one in files)
        request = messages.SetUpTask(framework=self.framework, module=module, task=task, **settings)
        self.manifest = self.worker.request(request, Manifest, self.timeout)
        return self.manifest

    def ask(self, request: messages.TaskRequest) -> Arrays:
        """Return arrays under shared names. A layer without a partner keeps its own path, after "?"."""
        reply = self.worker.request(request, TaskArrays, self.timeout)
        arrays = arrays_of(self.worker, reply.safetensors)
        self.numbers = reply.numbers
        shared = {own: path for path, own in self.own_paths.items()}
        named = {}
        for place, tensor in enumerate(reply.tensors):
            if str(place) not in arrays:
                raise self.worker.failed(f"{self.worker.name} names an array {place} that it did not send")
            path = shared.get(tensor.path, tensor.path if tensor.role == "tap" else f"?{tensor.path}")
            named[Tensor(tensor.role, path, tensor.name, tensor.call)] = arrays[str(place)]
        return named

    def load(self, weights: Weights) -> Arrays:
        """Load the weights that both sides share. Return every tensor of the model, read back."""
        own = {}
        for name, array in weights.items():
            own[f"{self.own_paths[name.path]}/{name.name}"] = np.ascontiguousarray(array)
        return self.ask(messages.TaskWeights(safetensors.numpy.save(own)))

    def slope(self, tensor: Tensor, place: int) -> float:
        """Return the loss's slope in one element, by central differences in this side's own code."""
        own = self.own_paths[tensor.path]
        self.ask(messages.TaskDifference(f"{own}/{tensor.name}", place))
        return float(self.numbers["slope"])
