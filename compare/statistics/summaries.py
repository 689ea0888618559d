"""Summarizes the raw step times of launches, and writes a sentence for each problem of the measurement."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compare.numbers import count, format_percent, format_seconds

FEWEST_STEPS = 50  # gives five steps per decile; a median of 50 steps that vary by 10 % is known to 2 %
WIDEST_WITHIN = 0.15  # interquartile range ÷ median, as in a normal sample with 11 % standard deviation
WIDEST_BETWEEN = 0.05  # the standard deviation of the launches' log medians
STEEPEST_TREND = 0.05  # the last decile compared with the first
TREND_ERRORS = 3.0  # the trend must also exceed so many standard errors
DRIFT_ADVICE = {
    "slower": "Let the machine cool, and run again. If it happens again, look for memory that grows.",
    "faster": "Something else was busy at first: let the machine settle, and run again.",
}

CautionKind = Literal["few_steps", "spread_within", "spread_between", "trend"]


@dataclass(frozen=True)
class LaunchSummary:
    """One launch's timed steps. `trend`: last decile ÷ first - 1, of medians; None below 50 steps."""

    steps: int
    median_seconds: float
    lower_quartile_seconds: float
    upper_quartile_seconds: float
    trend: float | None
    trend_error: float | None  # the standard error, if steps are independent

    @property
    def spread(self) -> float:
        """Return the interquartile range as a fraction of the median."""
        return (self.upper_quartile_seconds - self.lower_quartile_seconds) / self.median_seconds

    @property
    def drifts(self) -> bool:
        """Return whether the trend is both large and greater than the noise of its two deciles."""
        if self.trend is None or self.trend_error is None:
            return False
        return abs(self.trend) > max(STEEPEST_TREND, TREND_ERRORS * self.trend_error)


Launches = Mapping[str, Sequence[LaunchSummary]]  # by the title of the variant and device


@dataclass(frozen=True)
class Caution:
    """A reason to trust a measurement less. The sentence states the problem and the next action."""

    kind: CautionKind
    sentence: str


def summarize_launch(step_seconds: Sequence[float]) -> LaunchSummary:
    """Summarize a launch from its [steps] seconds, without the warm-up. Raises ValueError without a step."""
    seconds = np.asarray(step_seconds, dtype=np.float64)
    if seconds.size == 0:
        raise ValueError("a launch without a timed step has no summary")
    lower, median, upper = (float(value) for value in np.percentile(seconds, (25, 50, 75)))
    trend, error = _trend(seconds) if seconds.size >= FEWEST_STEPS else (None, None)
    return LaunchSummary(int(seconds.size), median, lower, upper, trend, error)


def spread_between(medians: Sequence[float]) -> float | None:
    """Return the standard deviation of log medians [launches], close to a fraction; None below 2 launches."""
    if len(medians) < 2:
        return None
    return float(np.std(np.log(medians), ddof=1))


def warnings_for(launches: Mapping[str, Sequence[Sequence[float]]]) -> list[Caution]:
    """Return one sentence for each kind of problem, for all variants that have it.

    launches: [launches][steps] seconds without the warm-up, by the title that sentences use. Launches without
    a step are ignored. Problems that can change a verdict come first.
    """
    summaries = {
        title: [summarize_launch(steps) for steps in each if len(steps)] for title, each in launches.items()
    }
    checks = (_wide_between, _drifting, _wide_within, _few_steps)
    return [found for check in checks if (found := check(summaries)) is not None]


def _trend(seconds: np.ndarray) -> tuple[float, float]:
    """Return the last decile's median ÷ the first's - 1, and its standard error.

    The standard error of a median is 1.2533 σ / √n for normal noise. σ is taken as 1.4826 times the median
    absolute deviation (Rousseeuw and Croux 1993), which a few slow steps do not enlarge.
    """
    tenth = seconds.size // 10
    first, last = seconds[:tenth], seconds[-tenth:]
    squares = 0.0
    for part in (first, last):
        middle = float(np.median(part))
        sigma = 1.4826 * float(np.median(np.abs(part - middle)))
        squares += (1.2533 * sigma / middle) ** 2 / tenth
    return float(np.median(last) / np.median(first)) - 1, math.sqrt(squares)


def _few_steps(launches: Launches) -> Caution | None:
    fewest = {
        title: min((one.steps for one in each), default=FEWEST_STEPS) for title, each in launches.items()
    }
    few = {title: steps for title, steps in fewest.items() if steps < FEWEST_STEPS}
    if not few:
        return None
    return Caution(
        "few_steps",
        f"{_listed(few)}: only {count(min(few.values()), 'timed step')} in a launch, too few for a "
        f"steady median. Train at least {FEWEST_STEPS} after the warm-up: raise --steps.",
    )


def _wide_within(launches: Launches) -> Caution | None:
    wide = {title: [one for one in each if one.spread > WIDEST_WITHIN] for title, each in launches.items()}
    wide = {title: each for title, each in wide.items() if each}
    if not wide:
        return None
    worst = max(one.spread for each in wide.values() for one in each)
    return Caution(
        "spread_within",
        f"{_listed(wide)}: step times vary within a launch; the middle half spans {_up_to(wide)}"
        f"{format_percent(worst, 0)} of the median ({_share(wide, launches)}). Close other programs, or "
        "give it fewer threads than CPUs with --threads.",
    )


def _wide_between(launches: Launches) -> Caution | None:
    wide = {}
    for title, each in launches.items():
        medians = [one.median_seconds for one in each]
        spread = spread_between(medians)
        if spread is not None and spread > WIDEST_BETWEEN:
            wide[title] = f"medians from {format_seconds(min(medians))} to {format_seconds(max(medians))}"
    if not wide:
        return None
    facts = "; ".join(f"{title}, with {words}" if len(wide) > 1 else words for title, words in wide.items())
    start = f"{_listed(wide)}: launches of the same work differ, with {facts}"
    if len(wide) > 1:
        start = f"Launches of the same work differ: {facts}"
    return Caution("spread_between", f"{start}. Use --allocator stable on an idle machine, or raise --seeds.")


def _drifting(launches: Launches) -> Caution | None:
    """Find variants with a drift in at least half of their launches; a single one may have been disturbed."""
    trends: dict[str, list[float]] = {}
    for title, each in launches.items():
        drifting = [one.trend for one in each if one.drifts and one.trend is not None]
        if drifting and 2 * len(drifting) >= len(each):
            trends[title] = drifting
    if not trends:
        return None
    steepest = {title: max(each, key=abs) for title, each in trends.items()}
    if len({trend > 0 for trend in steepest.values()}) > 1:
        facts = ", ".join(f"{title} {_change(trend)}" for title, trend in steepest.items())
        return Caution(
            "trend",
            f"The machine changed during launches: steps got {facts}, from the first tenth of a launch to "
            "the last. Let it settle, and run again.",
        )
    trend = max(steepest.values(), key=abs)
    return Caution(
        "trend",
        f"{_listed(trends)}: steps got {_up_to(trends)}{_change(trend)} from the first tenth of a launch to "
        f"the last ({_share(trends, launches)}). {DRIFT_ADVICE['slower' if trend > 0 else 'faster']}",
    )


def _change(trend: float) -> str:
    return f"{format_percent(abs(trend), 0)} {'slower' if trend > 0 else 'faster'}"


def _up_to(titles: Collection[str]) -> str:
    """Return "up to " if the figure that follows is the largest of several."""
    return "up to " if len(titles) > 1 else ""


def _listed(titles: Collection[str]) -> str:
    *others, last = titles
    return f"{'; '.join(others)} and {last}" if others else last


def _share(some: Mapping[str, Sequence[object]], launches: Launches) -> str:
    """Return, for example, `3 of 10 launches`: those with the problem, of the variants that have any."""
    found = sum(map(len, some.values()))
    return f"{found} of {count(sum(len(launches[title]) for title in some), 'launch')}"
