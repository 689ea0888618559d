"""What more ranks would take: T(N) = compute(B/N) + ring(bytes, N), from the arms that were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tools.ranks.arms import APART, ONE_THREAD, TOGETHER
from tools.ranks.record import Launch

MEASURED = 2  # ranks; beyond, the model is drawn dashed


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
        """Of so many ranks, each with CPUs of its own, over links as fast as those between the two."""
        compute = self.fixed_seconds + self.seconds_per_row * self.batch_size / ranks
        return compute + self.exchange_seconds * ring(ranks) / ring(2)


def ring(ranks: int) -> float:
    """Return how many times its own gradients each rank of a ring sends: 2 (N − 1) / N."""
    return 2 * (ranks - 1) / ranks


def model(seconds: Mapping[str, Sequence[float]], batch_size: int) -> Model:
    """From three arms: one process with the whole batch, two with half of it, and two that exchange.

    What noise makes negative is 0.
    """
    whole, half, together = (median(seconds[arm.name]) for arm in (ONE_THREAD, APART, TOGETHER))
    per_row = max(0.0, (whole - half) / (batch_size / 2))
    fixed = max(0.0, whole - per_row * batch_size)
    return Model(batch_size, fixed, per_row, max(0.0, together - half))


def over_link(unlimited_seconds: float, gradient_bytes: int, mbit: int | None) -> float:
    """Return the step of two ranks by the model: what it takes without a limit, and the ring's bytes."""
    if mbit is None:
        return unlimited_seconds
    return unlimited_seconds + ring(2) * gradient_bytes * 8 / (mbit * 1e6)
