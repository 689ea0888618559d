"""Trains a porter's torch model without the ladder's changes. Read it beside tf_impl/task_forms.py.

It uses no recorder and no shared dropout masks, only the model, loss and optimizer. Arrays come in as NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from torch_impl.adapter import Adapter, tree, with_model
from torch_impl.tags import Tags


class Eager:
    """An eager update. training: whether dropout and running statistics are on; off if forms are compared."""

    def __init__(self, adapter: Adapter, *, training: bool) -> None:
        self.adapter, self.training = adapter, training
        self.model = adapter.model
        self.model.train(training)
        self.loss = with_model(adapter.module.loss, self.model)
        self.forward: Any = self.model

    def step(self, inputs: Mapping[str, np.ndarray], targets: Any) -> float:
        """Make one update. Return the loss from before it."""
        tensors = {name: self.adapter.to_device(name, array, Tags()) for name, array in inputs.items()}
        return float(self.update(tensors, tree(self.to_device, targets)))

    def to_device(self, array: np.ndarray) -> torch.Tensor:
        return self.adapter.to_device("", array, Tags())

    def update(self, inputs: Mapping[str, torch.Tensor], targets: Any) -> torch.Tensor:
        self.adapter.optimizer.zero_grad()
        loss = self.loss(self.adapter.applied(self.forward, inputs), targets)
        loss.backward()
        self.adapter.optimizer.step()
        if self.adapter.schedule is not None:
            self.adapter.schedule.step()
        return loss.detach()

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""
        if self.adapter.device.type == "cuda":
            torch.cuda.synchronize(self.adapter.device)


class Compiled(Eager):
    """The model, compiled by torch.compile; the loss and the optimizer stay eager."""

    def __init__(self, adapter: Adapter, *, training: bool) -> None:
        super().__init__(adapter, training=training)
        self.forward = torch.compile(self.model)


FORMS = {"eager": Eager, "compiled": Compiled}
