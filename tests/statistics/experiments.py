"""Simulated comparisons whose true ratio is known: noise of the session, of the launch, and of the step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SLOW_MODE = 1.34  # the jump between two processes of the same code: design, section 5
EXPERIMENTS = 2000


@dataclass(frozen=True)
class Noise:
    """Standard deviations in logs. `launch` is of the log-ratio of a pair, from both sides alike."""

    launch: float = 0.01
    session: float = 0.05  # common to the two launches of a seed
    step: float = 0.03
    slow_mode: float = 0.0  # the probability that a launch runs SLOW_MODE times as long


NORMAL = Noise()
SOMETIMES_SLOW = Noise(slow_mode=0.1)
OFTEN_SLOW = Noise(slow_mode=0.2)


def step_seconds(
    noise: Noise, launches: int, *, ratio: float = 1.0, steps: int = 40, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two sides, each [EXPERIMENTS, launches, steps]; the first takes `ratio` times as long as the second."""
    rng = np.random.default_rng(seed)
    session = rng.normal(0, noise.session, (EXPERIMENTS, launches))
    sides = []
    for log_ratio in (np.log(ratio), 0.0):
        launch = session + log_ratio + rng.normal(0, noise.launch / np.sqrt(2), session.shape)
        launch += np.log(SLOW_MODE) * (rng.random(session.shape) < noise.slow_mode)
        step = rng.normal(0, noise.step, (*session.shape, steps))
        step += 0.4 * (rng.random(step.shape) < 0.01)  # now and then a step is disturbed
        sides.append(0.025 * np.exp(launch[..., None] + step))
    return sides[0], sides[1]


Pair = tuple[list[float], list[float]]


@lru_cache
def medians(noise: Noise, launches: int, *, ratio: float = 1.0) -> list[Pair]:
    """Return for each experiment the two sides' medians, each [launches]."""
    first, second = step_seconds(noise, launches, ratio=ratio)
    return list(zip(np.median(first, axis=2).tolist(), np.median(second, axis=2).tolist(), strict=True))
