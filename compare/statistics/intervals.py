"""Computes confidence intervals over launches of a process. A launch is the unit, not a step.

Two launches of the same code can differ steadily by a third, each with a tight spread (design, section 5).
So the steps within a launch are not independent, and their number adds no certainty. Each launch is
therefore reduced to one number, and the interval is over launches: mean ± t · standard error, with
Student's t for the small number of launches.

Paired or not: the two launches of a seed run interleaved, on the same batches, so a disturbance of the
machine affects both. They are compared pair by pair. A pairing that does not help costs width (n - 1
degrees of freedom instead of about 2n - 2), but never coverage. An unpaired interval over paired launches
can lose coverage. So launches with common seeds are always paired, for any data, and Welch's form is for
seeds that differ.

Launches that fall into two modes: if both sides share the modes (a variant compared with itself), log-ratios
are symmetric about the truth. Then t covers it, by simulation, in 94 to 98 % of experiments of 3 to 10
launches. Trimming or a rank test would not help: 3 launches are too few for either. No method sees a mode
that has not occurred. If only one side has a slow mode, in 30 % of its launches, then 3 launches cover the
mean log-ratio in 63 % of experiments, 5 in 83 %, 10 in 96 %. The remedy is more launches, or an allocator
that removes the modes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over launches and its confidence interval.

    `estimate` is None without a launch; `low` and `high` are None with fewer than two. The standard error is
    that of the mean, in logs for a ratio. `launches` counts pairs; if unpaired, the smaller side's launches.
    """

    estimate: float | None
    low: float | None
    high: float | None
    launches: int
    confidence: float = CONFIDENCE
    standard_error: float | None = None
    degrees_of_freedom: float | None = None

    def inverse(self) -> Interval:
        """Return the interval of the inverse ratio. The ratio must be above 0."""
        low, estimate, high = (
            None if bound is None else (1 / bound if bound else math.inf)
            for bound in (self.high, self.estimate, self.low)
        )
        return replace(self, estimate=estimate, low=low, high=high)

    @property
    def log_distance(self) -> float:
        """Return the distance of a ratio from 1, in logs, equal for its inverse. 0 without an estimate."""
        return abs(math.log(self.estimate)) if self.estimate is not None else 0.0

    @property
    def log_half_width(self) -> float:
        """Return half the width of a ratio's interval, in logs. Infinite if there is no interval."""
        if self.estimate is None or self.high is None:
            return math.inf
        return math.log(self.high) - math.log(self.estimate)


@dataclass(frozen=True)
class _Mean:
    """A mean on the scale of the test. With too few launches it has neither error nor degrees of freedom."""

    value: float
    launches: int
    standard_error: float | None = None
    degrees_of_freedom: float | None = None


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """Return the geometric mean of numerator / denominator, paired by position, with its interval.

    Both have the shape [launches], with one positive number per launch, such as its median step in seconds.
    Student's t is applied to the log-ratios, so a ratio and its inverse have inverse intervals. Two launches
    have one degree of freedom and a very wide interval (t = 12.7). Raises ValueError if the lengths differ,
    or if a value is not positive and finite.
    """
    return _exponential(_paired_mean(_logs(numerators), _logs(denominators)), confidence)


def unpaired_ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """Return `ratio_interval` for launches without common seeds: Welch's t on the logs. Shapes [a], [b]."""
    return _exponential(_welch_mean(_logs(numerators), _logs(denominators)), confidence)


def difference_interval(
    values: Sequence[float], baselines: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval:
    """Return the mean of value - baseline, paired by position, with its interval.

    Both have the shape [seeds]: for example test accuracies, as fractions. Only the seeds (weights and batch
    order) are a source of chance here, because all use the same test images. Raises ValueError as
    `ratio_interval` does, but accepts any sign.
    """
    return _linear(_paired_mean(_finite(values), _finite(baselines)), confidence)


def common_seeds(first: Mapping[int, object], second: Mapping[int, object]) -> list[int]:
    """Return the seeds that both sides have, in order. Their launches can be paired."""
    return sorted(first.keys() & second.keys())


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return the value that Student's t does not exceed with this probability."""
    from scipy.special import stdtrit  # slow to import: not before the first interval

    return float(stdtrit(degrees_of_freedom, probability))


def _paired_mean(first: Sequence[float], second: Sequence[float]) -> _Mean:
    """Return the mean of first - second. Sums are exact (fsum), so the order of launches has no influence."""
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
    """Return mean of first - mean of second; degrees of freedom by Welch (1947), Satterthwaite (1946)."""
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
    """Return exp(value), or infinity if it would overflow, as with two extreme launches."""
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
