"""Confidence intervals that treat a process launch as the unit, not a step.

Two launches of the same code can differ steadily by a third, each with a tight spread (design, section 5),
so the steps within a launch are not independent and their number adds no certainty. Each launch is
therefore reduced to one number, and the interval speaks of launches: mean ± t · standard error, with
Student's t for the few launches that there are.

Paired or not. The two launches of a seed run interleaved, on the same batches, so what the machine does to
one it does to the other: they are compared pair by pair. A pairing that does not help costs width (n - 1
degrees of freedom instead of about 2n - 2), never coverage; an unpaired interval over paired launches can
lose coverage. So launches with common seeds are always paired, whatever the data look like, and Welch's
form is for seeds that differ.

Launches that fall into two modes. Where both sides share the modes (a variant against itself), log-ratios
are symmetric about the truth and t covers it, by simulation, in 94 to 98 % of experiments of 3 to 10
launches. Trimming or a rank test would not help: at 3 launches neither has anything to trim or to rank.
No method sees a mode that has not occurred: where only one side has a slow mode, met by 30 % of its
launches, 3 launches cover the mean log-ratio in 63 % of experiments, 5 in 83 %, 10 in 96 %. The cure is
more launches, or an allocator that takes the modes away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over launches and its confidence interval.

    `estimate` is None without a launch; `low` and `high` are None with fewer than two. The standard error
    is that of the mean, in logs for a ratio. `launches` counts pairs; unpaired, those of the smaller side.
    """

    estimate: float | None
    low: float | None
    high: float | None
    launches: int
    confidence: float = CONFIDENCE
    standard_error: float | None = None
    degrees_of_freedom: float | None = None

    def inverse(self) -> Interval:
        """Of a ratio that is above 0: the ratio the other way round."""
        low, estimate, high = (
            None if bound is None else (1 / bound if bound else math.inf)
            for bound in (self.high, self.estimate, self.low)
        )
        return replace(self, estimate=estimate, low=low, high=high)

    @property
    def log_distance(self) -> float:
        """How far a ratio stands from 1, in logs: alike for its inverse. 0 without an estimate."""
        return abs(math.log(self.estimate)) if self.estimate is not None else 0.0

    @property
    def log_half_width(self) -> float:
        """Half the width of a ratio's interval, in logs, where it is symmetric. Infinite without one."""
        if self.estimate is None or self.high is None:
            return math.inf
        return math.log(self.high) - math.log(self.estimate)


@dataclass(frozen=True)
class _Mean:
    """A mean on the scale of the test. No standard error and degrees of freedom: too few launches."""

    value: float
    launches: int
    standard_error: float | None = None
    degrees_of_freedom: float | None = None


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """Geometric mean of numerator / denominator, paired by position, with its interval.

    Both [launches]: one positive number a launch, such as its median step in seconds. Student's t on the
    log-ratios, and back: a ratio and its inverse get inverse intervals. Two launches have one degree of
    freedom and a very wide interval (t = 12.7). Raises ValueError for lengths that differ or a value that
    is not positive and finite.
    """
    return _exponential(_paired_mean(_logs(numerators), _logs(denominators)), confidence)


def unpaired_ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """`ratio_interval` for launches that have no common seed: Welch's t on the logs. [a], [b]."""
    return _exponential(_welch_mean(_logs(numerators), _logs(denominators)), confidence)


def difference_interval(
    values: Sequence[float], baselines: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of value - baseline, paired by position, with its interval.

    Both [seeds], such as test accuracies as fractions. It speaks of the seeds (weights and batch order): the
    test images are the same for all and are no source of chance here. Raises ValueError as `ratio_interval`,
    but for the sign.
    """
    return _linear(_paired_mean(_finite(values), _finite(baselines)), confidence)


def common_seeds(first: Mapping[int, object], second: Mapping[int, object]) -> list[int]:
    """Return the seeds that both sides have, in order: those that can be paired."""
    return sorted(first.keys() & second.keys())


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return the value that Student's t stays under with `probability`."""
    from scipy.special import stdtrit  # slow to import: not before the first interval

    return float(stdtrit(degrees_of_freedom, probability))


def _paired_mean(first: Sequence[float], second: Sequence[float]) -> _Mean:
    """Mean of first - second. Sums are exact (fsum), so the order of the launches cannot matter."""
    if len(first) != len(second):
        raise ValueError(f"pairs need equal numbers of launches; found {len(first)} and {len(second)}")
    return _mean([a - b for a, b in zip(first, second, strict=True)])


def _mean(values: Sequence[float]) -> _Mean:
    count = len(values)
    if count == 0:
        return _Mean(math.nan, 0)
    mean = math.fsum(values) / count
    if count == 1:
        return _Mean(mean, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return _Mean(mean, count, math.sqrt(variance / count), count - 1)


def _welch_mean(first: Sequence[float], second: Sequence[float]) -> _Mean:
    """Mean of first minus mean of second; degrees of freedom after Welch (1947) and Satterthwaite (1946)."""
    a, b = _mean(first), _mean(second)
    difference, launches = a.value - b.value, min(a.launches, b.launches)
    if a.standard_error is None or b.standard_error is None:
        return _Mean(difference, launches)
    squares = (a.standard_error**2, b.standard_error**2)
    total = math.fsum(squares)
    if total == 0:
        return _Mean(difference, launches, 0.0, a.launches + b.launches - 2)
    shares = ((squares[0] / total) ** 2 / (a.launches - 1), (squares[1] / total) ** 2 / (b.launches - 1))
    return _Mean(difference, launches, math.sqrt(total), 1 / math.fsum(shares))


def _linear(mean: _Mean, confidence: float) -> Interval:
    if mean.launches == 0:
        return Interval(None, None, None, 0, confidence)
    if mean.standard_error is None or mean.degrees_of_freedom is None:
        return Interval(mean.value, None, None, mean.launches, confidence)
    half_width = t_quantile((1 + confidence) / 2, mean.degrees_of_freedom) * mean.standard_error
    return Interval(
        mean.value,
        mean.value - half_width,
        mean.value + half_width,
        mean.launches,
        confidence,
        mean.standard_error,
        mean.degrees_of_freedom,
    )


def _exponential(mean: _Mean, confidence: float) -> Interval:
    logs = _linear(mean, confidence)
    estimate, low, high = (_exp(value) for value in (logs.estimate, logs.low, logs.high))
    return Interval(
        estimate, low, high, logs.launches, confidence, logs.standard_error, logs.degrees_of_freedom
    )


def _exp(value: float | None) -> float | None:
    """exp, infinite where two wild launches would overflow it."""
    if value is None:
        return None
    return math.exp(value) if value < 709 else math.inf


def _logs(values: Sequence[float]) -> list[float]:
    for value in values:
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"a ratio needs positive finite values; found {value}")
    return [math.log(value) for value in values]


def _finite(values: Sequence[float]) -> list[float]:
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"a difference needs finite values; found {value}")
    return [float(value) for value in values]
