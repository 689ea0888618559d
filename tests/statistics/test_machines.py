"""A ratio over machines is right as often as it claims, and says of what it speaks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from compare.statistics.intervals import ratio_interval, t_quantile
from compare.statistics.machines import Machines, over_machines
from compare.statistics.verdicts import ratio_kind
from tests.known import known

EXPERIMENTS = 3000
LAUNCHES = 3
LAUNCH_SPREADS = (0.005, 0.01, 0.03)  # of log-ratios; a machine has one of them
TRUTH = 0.8


def simulated(machines: int, spread: float, ratio: float, seed: int = 0) -> list[tuple[Machines, float]]:
    """Experiments over `machines` whose log-ratios spread by `spread`, each with a new machine's ratio."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(EXPERIMENTS):
        true = math.log(ratio) + spread * rng.standard_normal(machines + 1)
        within = rng.choice(LAUNCH_SPREADS, machines)
        logs = true[:-1, None] + within[:, None] * rng.standard_normal((machines, LAUNCHES))
        sides = {f"m{number}": (np.exp(row).tolist(), [1.0] * LAUNCHES) for number, row in enumerate(logs)}
        found.append((over_machines(sides), math.exp(true[-1])))
    return found


@pytest.mark.parametrize("machines", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_both_intervals_hold_what_they_claim(machines: int, spread: float) -> None:
    """The pooled interval holds the true mean, and the prediction a new machine, in at least 93 of 100."""
    experiments = simulated(machines, spread, TRUTH)
    pooled = [one.pooled for one, _ in experiments if one.pooled is not None]
    assert np.mean([known(one.low) <= TRUTH <= known(one.high) for one in pooled]) >= 0.93
    held = [one.prediction[0] <= new <= one.prediction[1] for one, new in experiments if one.prediction]
    assert len(held) == EXPERIMENTS
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize("machines", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_no_winner_is_named_when_there_is_none(machines: int, spread: float) -> None:
    """Of two that are equally fast on average, one is called faster as rarely as 95 % allow.

    The two counts together are 5 of 100 but for the chance of the simulation, 0.4 of 100.
    """
    kinds = [ratio_kind(one.pooled) for one, _ in simulated(machines, spread, 1.0) if one.pooled]
    assert max(kinds.count("faster"), kinds.count("slower")) <= 0.05 * EXPERIMENTS
    assert kinds.count("faster") + kinds.count("slower") <= 0.06 * EXPERIMENTS


def test_launches_taken_as_independent_of_their_machine_cover_far_too_rarely() -> None:
    """Why the machine is the unit: an interval over all launches of five machines misses the truth."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(EXPERIMENTS):
        machines = 0.1 * rng.standard_normal(5)
        logs = np.repeat(machines, 10) + 0.01 * rng.standard_normal(50)
        interval = ratio_interval(list(np.exp(logs)), [1.0] * 50)
        held.append(known(interval.low) <= 1 <= known(interval.high))
    assert np.mean(held) < 0.6


def weighted_interval(means: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Return mean and half-width after Paule and Mandel (1982) and Hartung and Knapp (2001)."""
    freedom = len(means) - 1

    def mean_and_excess(between: float) -> tuple[float, float]:
        weights = 1 / (variances + between)
        mean = weights @ means / weights.sum()
        return mean, weights @ (means - mean) ** 2 - freedom

    between = 0.0 if mean_and_excess(0.0)[1] <= 0 else brentq(lambda b: mean_and_excess(b)[1], 0, 1e3)
    weights = 1 / (variances + between)
    mean, excess = mean_and_excess(between)
    error = math.sqrt((excess + freedom) / freedom / weights.sum())
    return mean, t_quantile(0.975, freedom) * error


def test_weights_from_few_launches_cover_too_rarely() -> None:
    """Why machines are not weighed by their launches' variance: machines that agree, three launches each."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(EXPERIMENTS):
        within = rng.choice(LAUNCH_SPREADS, 5)
        logs = within[:, None] * rng.standard_normal((5, LAUNCHES))
        mean, half_width = weighted_interval(logs.mean(axis=1), logs.var(axis=1, ddof=1) / LAUNCHES)
        held.append(abs(mean) <= half_width)
    assert np.mean(held) < 0.93


def test_two_machines_are_not_pooled() -> None:
    """Both are there, and neither a pooled ratio nor a prediction."""
    found = over_machines({"a": ([0.5, 0.51], [1, 1]), "b": ([0.6, 0.61], [1, 1])})
    assert list(found.by_machine) == ["a", "b"]
    assert found.pooled is None
    assert found.prediction is None


def test_the_spreads_are_those_of_machines_and_of_launches() -> None:
    """Machines 20 % apart with launches 1 % apart: more machines would help, more launches would not."""
    rng = np.random.default_rng(1)
    apart = 0.2 * rng.standard_normal((200, 1)) + 0.01 * rng.standard_normal((200, 10))
    found = over_machines({f"m{n}": (np.exp(logs).tolist(), [1.0] * 10) for n, logs in enumerate(apart)})
    assert found.between == pytest.approx(0.2, rel=0.15)
    assert found.within == pytest.approx(0.01, rel=0.1)
    assert found.needs_machines
    together = 0.01 * rng.standard_normal((50, 10))
    alike = over_machines({f"m{n}": (np.exp(logs).tolist(), [1.0] * 10) for n, logs in enumerate(together)})
    assert not alike.needs_machines


def test_the_same_ratio_on_every_machine_is_that_ratio() -> None:
    """Three machines without any chance: the pooled ratio and the prediction are exact."""
    found = over_machines({name: ([0.5], [1.0]) for name in "abc"})
    assert found.pooled is not None
    assert found.pooled.estimate == pytest.approx(0.5)
    assert found.prediction == pytest.approx((0.5, 0.5))
    assert found.same_direction


def test_a_machine_without_a_launch_is_an_error() -> None:
    """It would be a machine that nothing was measured on."""
    with pytest.raises(ValueError, match="b has none"):
        over_machines({"a": ([1.0], [1.0]), "b": ([], [])})
