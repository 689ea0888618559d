"""Combines a ratio over several machines: its mean, and a prediction for one more machine.

The same code gave 0.64 on one machine and 0.53 on another, each within 2 %. So an interval over launches
holds only for its own machine. Each machine is therefore reduced to one number, the mean log-ratio of its
launches, as `intervals` reduces each launch to one. The interval over machines is Student's t.

A random-effects mean with weights (Paule and Mandel 1982, with the interval of Hartung and Knapp 2001) is
not used. It weighs each machine by the variance of its launches, which three launches estimate poorly. In
simulations with machines that agree, its 95 % interval holds the truth in about 91 % of experiments, the
plain mean's in 97 % (tests/statistics/test_machines.py). With machines that differ by 10 % both hold it in
95 %, equally wide.

The prediction interval is for the mean ratio that as many launches would give on one more machine:
mean ± t · s · √(1 + 1/k) over k machines (Higgins, Thompson and Spiegelhalter 2009, with equal weights).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from compare.statistics.intervals import CONFIDENCE, Interval, ratio_interval, t_quantile

FEWEST_MACHINES = 3
"""Two machines show that machines differ, but not by how much: with one degree of freedom t is 12.7."""


@dataclass(frozen=True)
class Machines:
    """A ratio on several machines. Spreads are standard deviations of log-ratios, close to fractions.

    `pooled` is the mean over machines, and its `launches` counts machines; None below FEWEST_MACHINES.
    `prediction` holds low and high for one more machine. `between` is the spread of the machines' true
    ratios, without the chance of launches. `within` is the spread of the launches on one machine; None if no
    machine has two launches.
    """

    by_machine: Mapping[str, Interval]
    pooled: Interval | None
    prediction: tuple[float, float] | None
    between: float | None
    within: float | None

    @property
    def needs_machines(self) -> bool:
        """Return whether more machines would narrow the pooled interval more than more launches would."""
        return self.between is not None and (self.within is None or self.between > self.within)

    @property
    def same_direction(self) -> bool:
        """Return whether every machine's estimate lies on the same side of 1."""
        logs = [math.log(one.estimate) for one in self.by_machine.values() if one.estimate]
        return all(log < 0 for log in logs) or all(log > 0 for log in logs)


def over_machines(
    sides: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, confidence: float = CONFIDENCE
) -> Machines:
    """Return the ratio numerator ÷ denominator on each machine and over all of them.

    sides: by machine, the numerators and denominators of its launches [launches], paired by position, such as
    median step seconds by seed. Raises ValueError as `ratio_interval` does, and for a machine without a
    launch.
    """
    by_machine = {name: ratio_interval(*pair, confidence=confidence) for name, pair in sides.items()}
    if empty := [name for name, interval in by_machine.items() if interval.estimate is None]:
        raise ValueError(f"a machine needs at least one launch of both sides; {empty[0]} has none")
    within = _pooled_spread(by_machine.values())
    if len(by_machine) < FEWEST_MACHINES:
        return Machines(by_machine, None, None, None, within)
    means = [one.estimate or math.nan for one in by_machine.values()]
    pooled = ratio_interval(means, [1.0] * len(means), confidence=confidence)
    return Machines(by_machine, pooled, _prediction(pooled), _between(by_machine.values(), pooled), within)


def _prediction(pooled: Interval) -> tuple[float, float]:
    count, error = pooled.launches, pooled.standard_error or 0.0
    half_width = t_quantile((1 + pooled.confidence) / 2, count - 1) * error * math.sqrt(count + 1)
    middle = math.log(pooled.estimate or 1.0)
    return math.exp(middle - half_width), math.exp(middle + half_width)


def _between(machines: Collection[Interval], pooled: Interval) -> float:
    """Return √(variance over machines - the launches' share of it), at least 0."""
    errors = [one.standard_error for one in machines if one.standard_error is not None]
    chance = math.fsum(error**2 for error in errors) / len(errors) if errors else 0.0
    total = pooled.launches * (pooled.standard_error or 0.0) ** 2
    return math.sqrt(max(0.0, total - chance))


def _pooled_spread(machines: Collection[Interval]) -> float | None:
    """Return the pooled standard deviation of log-ratios within machines that have two launches or more."""
    squares, freedom = 0.0, 0.0
    for one in machines:
        if one.standard_error is not None and one.degrees_of_freedom:
            squares += one.degrees_of_freedom * one.launches * one.standard_error**2
            freedom += one.degrees_of_freedom
    return math.sqrt(squares / freedom) if freedom else None
