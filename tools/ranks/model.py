"""Predicts the step of more ranks from the measured arms: T(N) = compute(B/N) + ring(bytes, N)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tools.ranks.arms import APART, ONE_THREAD, TOGETHER
from tools.ranks.record import Launch

MEASURED = 2  # ranks; the model is drawn dashed for more ranks


def seconds_of(launches: Sequence[Launch], variant: str) -> dict[str, list[float]]:
    """Return by arm the median step of each launch of a variant."""
    found: dict[str, list[float]] = {}
    for launch in launches:
        if launch.variant == variant:
            for arm in launch.arms:
                found.setdefault(arm.name, []).append(arm.median_step_seconds)
    return found


@dataclass(frozen=True)
class Model:
    """A rank takes fixed_seconds and seconds_per_row × its rows; two ranks exchange in exchange_seconds."""

    batch_size: int
    fixed_seconds: float
    seconds_per_row: float
    exchange_seconds: float

    def step_seconds(self, ranks: int) -> float:
        """Predict the step if each rank has its own CPUs and the links are as fast as in the measurement."""
        compute = self.fixed_seconds + self.seconds_per_row * self.batch_size / ranks
        return compute + self.exchange_seconds * ring(ranks) / ring(2)


def ring(ranks: int) -> float:
    """Return how many times its own gradients each rank of a ring sends: 2 (N − 1) / N."""
    return 2 * (ranks - 1) / ranks


def model(seconds: Mapping[str, Sequence[float]], batch_size: int) -> Model:
    """Fit the model to three arms: one process with the whole batch, two with half of it, two that exchange.

    A cost that noise makes negative becomes 0.
    """
    whole, half, together = (median(seconds[arm.name]) for arm in (ONE_THREAD, APART, TOGETHER))
    per_row = max(0.0, (whole - half) / (batch_size / 2))
    fixed = max(0.0, whole - per_row * batch_size)
    return Model(batch_size, fixed, per_row, max(0.0, together - half))


def over_link(unlimited_seconds: float, gradient_bytes: int, mbit: int | None) -> float:
    """Predict the step of two ranks over a limited link: add the time to send the ring's bytes."""
    if mbit is None:
        return unlimited_seconds
    return unlimited_seconds + ring(2) * gradient_bytes * 8 / (mbit * 1e6)
