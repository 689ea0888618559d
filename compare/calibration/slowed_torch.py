"""torch's eager step made slower by a known share. Loaded in a worker only."""

from __future__ import annotations

from typing import Any

from compare.calibration.slowing import Slowed
from torch_impl.train import Trainer as Eager


class Trainer(Slowed, Eager):
    """`torch:eager` plus `Slowed.share` of its own time."""

    def step(self, *batch: Any) -> tuple[Any, Any]:
        return self.slowed(super().step, batch)
