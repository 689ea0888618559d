"""From an interval to words. Nothing is declared a winner inside the noise, and noise is not called equality.

Step time, with `smallest` the smallest difference that matters (2 %), everything in logs, so that swapping
the two sides swaps the verdict:

| estimate             | interval                                       | verdict                        |
|----------------------|------------------------------------------------|--------------------------------|
| at least `smallest`  | excludes 1                                     | `1.25× as fast`, or below 1×   |
| at least `smallest`  | includes 1                                     | not enough launches to say     |
| below `smallest`     | reaches no further than 5 × `smallest` (10 %)  | no difference                  |
| below `smallest`     | reaches further                                | not enough launches to say     |
| any                  | fewer than 3 launches                          | not enough launches to say     |

An interval over 3 good launches (differing by 1 %) reaches 2.5 % on average and 4 % often, so asking it to
stay within 2 % would deny "no difference" to a variant compared with itself; one that reaches 20 % shows
nothing. Hence 5 × `smallest`; the sentence says how large a difference is not excluded.

Accuracy, with a `margin` (0.2 points): two one-sided t tests at 5 % (Schuirmann 1987), that is, a 90 %
interval inside the margin, say `equivalent`; an interval that excludes 0 around an estimate beyond the
margin says `differ`; all else is `not enough seeds to say`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from compare.statistics import wording
from compare.statistics.intervals import Interval, t_quantile
from compare.statistics.sample_size import MINIMUM_LAUNCHES, launches_needed
from compare.statistics.wording import Kind

SMALLEST_DIFFERENCE = 0.02  # of a step time
WIDEST_REACH = 5  # times the smallest difference
ACCURACY_MARGIN = 0.002  # of the test images: 0.2 points
EQUIVALENCE_CONFIDENCE = 0.9  # two one-sided tests at 5 %


@dataclass(frozen=True)
class Verdict:
    """What an interval says. `words` fit a table's cell, `sentence` stands alone.

    `more_launches` would settle it, or narrow a "no difference" to ± the smallest difference that matters;
    None where no more are needed.
    """

    kind: Kind
    words: str
    sentence: str
    interval: Interval
    more_launches: int | None = None


def ratio_verdict(
    interval: Interval,
    *,
    other: str,
    baseline: str,
    smallest: float = SMALLEST_DIFFERENCE,
    quantity: str = "step time",
) -> Verdict:
    """Return what a ratio of times, other ÷ baseline, says. The names and quantity are for the sentence."""
    kind = ratio_kind(interval, smallest)
    more = _more_for_ratio(interval, kind, smallest)
    words = wording.ratio_words(kind, interval)
    sentence = wording.ratio_sentence(
        kind, interval, more, other=other, baseline=baseline, smallest=smallest, quantity=quantity
    )
    return Verdict(kind, words, sentence, interval, more)


def accuracy_verdict(
    interval: Interval, *, other: str, baseline: str, margin: float = ACCURACY_MARGIN
) -> Verdict:
    """Return what the difference of test accuracies (fractions), other - baseline, says, over seeds."""
    kind = accuracy_kind(interval, margin)
    more = _more_for_accuracy(interval, kind, margin)
    words = wording.accuracy_words(kind, interval, margin)
    sentence = wording.accuracy_sentence(kind, interval, more, other=other, baseline=baseline, margin=margin)
    return Verdict(kind, words, sentence, interval, more)


def ratio_kind(interval: Interval, smallest: float = SMALLEST_DIFFERENCE) -> Kind:
    """Return the kind, by the table at the top of this file."""
    if interval.estimate is None or interval.launches < MINIMUM_LAUNCHES:
        return "not_enough"
    distance, half_width = interval.log_distance, interval.log_half_width
    if distance >= math.log1p(smallest):
        if not half_width < distance:
            return "not_enough"
        return "faster" if interval.estimate < 1 else "slower"
    reaches_too_far = distance + half_width > math.log1p(WIDEST_REACH * smallest)
    return "not_enough" if reaches_too_far else "no_difference"


def accuracy_kind(interval: Interval, margin: float = ACCURACY_MARGIN) -> Kind:
    """Equivalent, differ or not enough; one that is sure but below the margin is none of the first two."""
    estimate, low, high = interval.estimate, interval.low, interval.high
    if estimate is None or low is None or high is None or interval.launches < MINIMUM_LAUNCHES:
        return "not_enough"
    if is_equivalent(interval, margin):
        return "equivalent"
    excludes_zero = low > 0 or high < 0
    return "differ" if excludes_zero and abs(estimate) > margin else "not_enough"


def is_equivalent(interval: Interval, margin: float) -> bool:
    """Two one-sided t tests at 5 %: whether the 90 % interval lies inside ± margin (Schuirmann 1987)."""
    error, freedom = interval.standard_error, interval.degrees_of_freedom
    if interval.estimate is None or error is None or freedom is None:
        return False
    half_width = t_quantile((1 + EQUIVALENCE_CONFIDENCE) / 2, freedom) * error
    return abs(interval.estimate) + half_width < margin


def _more_for_ratio(interval: Interval, kind: Kind, smallest: float) -> int | None:
    """Until the estimate, if it stands, is outside the interval's noise, or the noise below `smallest`."""
    target = math.log1p(smallest)
    if kind == "no_difference":
        return launches_needed(interval, target) or None
    if kind != "not_enough":
        return None
    if interval.estimate is not None:
        target = max(target, interval.log_distance)
    return _at_least(interval, launches_needed(interval, target))


def _more_for_accuracy(interval: Interval, kind: Kind, margin: float) -> int | None:
    """Until the estimate, if it stands, passes one of the two tests."""
    if kind != "not_enough":
        return None
    distance = abs(interval.estimate or 0)
    if distance > margin:
        return _at_least(interval, launches_needed(interval, distance))
    needed = launches_needed(interval, margin - distance, confidence=EQUIVALENCE_CONFIDENCE)
    return _at_least(interval, needed)


def _at_least(interval: Interval, needed: int | None) -> int:
    """One at least, where nothing could be said. Below the minimum, what makes it up: no plan holds there."""
    missing = MINIMUM_LAUNCHES - interval.launches
    return missing if missing > 0 else max(needed or 0, 1)
