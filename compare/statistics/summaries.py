"""What the raw step times of launches look like, and sentences on what makes them a poor measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compare.numbers import count, format_percent, format_seconds

FEWEST_STEPS = 50  # five in a decile; a median of 50 steps that vary by 10 % is known to 2 %
WIDEST_WITHIN = 0.15  # interquartile range ÷ median; of a normal sample with 11 % standard deviation
WIDEST_BETWEEN = 0.05  # standard deviation of the launches' log medians
STEEPEST_TREND = 0.05  # of the last decile against the first
TREND_ERRORS = 3.0  # and at least so many standard errors of that ratio
DRIFT_ADVICE = {
    "slower": "Let the machine cool, and run again. If it happens again, look for memory that grows.",
    "faster": "Something else was busy at first: let the machine settle, and run again.",
}

CautionKind = Literal["few_steps", "spread_within", "spread_between", "trend"]


@dataclass(frozen=True)
class LaunchSummary:
    """One launch's timed steps. `trend` is last decile ÷ first - 1, of medians; None under 50 steps."""

    steps: int
    median_seconds: float
    lower_quartile_seconds: float
    upper_quartile_seconds: float
    trend: float | None
    trend_error: float | None  # standard error, of steps taken as independent

    @property
    def spread(self) -> float:
        """Interquartile range as a fraction of the median."""
        return (self.upper_quartile_seconds - self.lower_quartile_seconds) / self.median_seconds

    @property
    def drifts(self) -> bool:
        """Whether the trend is both large and beyond the noise of its two deciles."""
        if self.trend is None or self.trend_error is None:
            return False
        return abs(self.trend) > max(STEEPEST_TREND, TREND_ERRORS * self.trend_error)


@dataclass(frozen=True)
class Caution:
    """A reason to trust a measurement less. The sentence says what was found and what to do next."""

    kind: CautionKind
    sentence: str


def summarize_launch(step_seconds: Sequence[float]) -> LaunchSummary:
    """One launch: [steps] seconds in order, without the warm-up. Raises ValueError without a step."""
    seconds = np.asarray(step_seconds, dtype=np.float64)
    if seconds.size == 0:
        raise ValueError("a launch without a timed step has no summary")
    lower, median, upper = (float(value) for value in np.percentile(seconds, (25, 50, 75)))
    trend, error = _trend(seconds) if seconds.size >= FEWEST_STEPS else (None, None)
    return LaunchSummary(int(seconds.size), median, lower, upper, trend, error)


def spread_between(medians: Sequence[float]) -> float | None:
    """Return the standard deviation of log medians [launches], nearly a fraction; None under 2 launches."""
    if len(medians) < 2:
        return None
    return float(np.std(np.log(medians), ddof=1))


def warnings_for(title: str, launches: Sequence[Sequence[float]]) -> list[Caution]:
    """Return what is wrong with the launches of one variant on one device; `title` names it in the sentences.

    `launches`: [launches][steps] seconds, without the warm-up; launches without a step are passed over.
    """
    summaries = [summarize_launch(steps) for steps in launches if len(steps)]
    checks = (_few_steps, _wide_within, _wide_between, _drifting)
    return [found for check in checks if (found := check(title, summaries)) is not None]


def _trend(seconds: np.ndarray) -> tuple[float, float]:
    """Last decile's median ÷ first's - 1, and its standard error.

    That of a median is 1.2533 σ / √n for normal noise, with σ taken as 1.4826 times the median absolute
    deviation (Rousseeuw and Croux 1993), which a few slow steps do not stretch.
    """
    tenth = seconds.size // 10
    first, last = seconds[:tenth], seconds[-tenth:]
    squares = 0.0
    for part in (first, last):
        middle = float(np.median(part))
        sigma = 1.4826 * float(np.median(np.abs(part - middle)))
        squares += (1.2533 * sigma / middle) ** 2 / tenth
    return float(np.median(last) / np.median(first)) - 1, math.sqrt(squares)


def _few_steps(title: str, summaries: Sequence[LaunchSummary]) -> Caution | None:
    fewest = min((summary.steps for summary in summaries), default=FEWEST_STEPS)
    if fewest >= FEWEST_STEPS:
        return None
    return Caution(
        "few_steps",
        f"{title}: only {count(fewest, 'timed step')} in a launch, too few for a "
        f"steady median. Train at least {FEWEST_STEPS} after the warm-up: raise --steps.",
    )


def _wide_within(title: str, summaries: Sequence[LaunchSummary]) -> Caution | None:
    wide = [summary for summary in summaries if summary.spread > WIDEST_WITHIN]
    if not wide:
        return None
    worst = max(summary.spread for summary in wide)
    return Caution(
        "spread_within",
        f"{title}: step times vary within a launch; the middle half spans {format_percent(worst, 0)} of the "
        f"median ({_share(wide, summaries)}). Close other programs, or give it fewer threads than CPUs "
        "with --threads.",
    )


def _wide_between(title: str, summaries: Sequence[LaunchSummary]) -> Caution | None:
    medians = [summary.median_seconds for summary in summaries]
    spread = spread_between(medians)
    if spread is None or spread <= WIDEST_BETWEEN:
        return None
    return Caution(
        "spread_between",
        f"{title}: launches of the same work differ, with medians from {format_seconds(min(medians))} to "
        f"{format_seconds(max(medians))}. Use --allocator stable on an idle machine, or raise --seeds.",
    )


def _drifting(title: str, summaries: Sequence[LaunchSummary]) -> Caution | None:
    """Only where at least half of the launches drift: one alone was disturbed, which the spread tells."""
    drifting = [summary.trend for summary in summaries if summary.drifts and summary.trend is not None]
    if not drifting or 2 * len(drifting) < len(summaries):
        return None
    trend = max(drifting, key=abs)
    how = "slower" if trend > 0 else "faster"
    return Caution(
        "trend",
        f"{title}: steps got {format_percent(abs(trend), 0)} {how} from the first tenth of a launch to the "
        f"last ({_share(drifting, summaries)}). {DRIFT_ADVICE[how]}",
    )


def _share(some: Sequence[object], launches: Sequence[object]) -> str:
    return f"{len(some)} of {count(len(launches), 'launch')}"
