"""TensorFlow's eager step, slowed by a known share. Loaded only in a worker."""

from __future__ import annotations

from typing import Any

from compare.calibration.slowing import Slowed
from tf_impl.train import Trainer as Eager


class Trainer(Slowed, Eager):
    """`tf:eager`, slowed by `Slowed.share` of its own time."""

    def step(self, *batch: Any) -> tuple[Any, Any]:
        return self.slowed(super().step, batch)
