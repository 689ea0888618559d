"""A known slowdown: after each step, spin for a share of the time that the step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any


class Slowed:
    """Mixed into a Trainer. Spins, since a sleeping thread wakes late, by more than the share."""

    share = 0.05

    def slowed(self, step: Callable[..., tuple[Any, Any]], batch: Sequence[Any]) -> tuple[Any, Any]:
        """Return the step's loss and logits, (1 + share) times as late."""
        start = time.perf_counter()
        loss, logits = step(*batch)
        float(loss)  # the whole step, as the worker's clock counts it
        end = time.perf_counter()
        until = end + self.share * (end - start)
        while time.perf_counter() < until:
            pass
        return loss, logits
