"""Slows a step by a known share: after each step, spins for that share of the step's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any


class Slowed:
    """A mixin for a Trainer. It spins, because a sleeping thread wakes late by more than the share."""

    share = 0.05

    def slowed(self, step: Callable[..., tuple[Any, Any]], batch: Sequence[Any]) -> tuple[Any, Any]:
        """Return the step's loss and logits after (1 + share) times the step's own time."""
        start = time.perf_counter()
        loss, logits = step(*batch)
        float(loss)  # waits for the whole step, as the worker's clock does
        end = time.perf_counter()
        until = end + self.share * (end - start)
        while time.perf_counter() < until:
            pass
        return loss, logits
