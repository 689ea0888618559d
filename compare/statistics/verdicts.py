"""Turns an interval into a verdict. Noise gives no winner, and does not count as equality.

This table gives the verdict on a step time. `smallest` is the smallest difference that matters (2 %). All
comparisons are in logs, so that an exchange of the two sides exchanges the verdict:

| estimate             | interval                                       | verdict                        |
|----------------------|------------------------------------------------|--------------------------------|
| at least `smallest`  | excludes 1                                     | `1.25× as fast`, or below 1×   |
| at least `smallest`  | includes 1                                     | not enough launches to say     |
| below `smallest`     | reaches no further than 5 × `smallest` (10 %)  | no difference                  |
| below `smallest`     | reaches further                                | not enough launches to say     |
| any                  | fewer than 3 launches                          | not enough launches to say     |

An interval over 3 good launches (which differ by 1 %) reaches 2.5 % on average and often 4 %. A limit of 2 %
would deny "no difference" to a variant compared with itself. An interval that reaches 20 % shows nothing. So
the limit is 5 × `smallest`, and the sentence gives the largest difference that is not excluded.

The verdict on accuracy uses a `margin` (0.2 points). It is `equivalent` if two one-sided t tests at 5 % pass
(Schuirmann 1987), that is, if a 90 % interval lies inside the margin. It is `differ` if the interval excludes
0 and the estimate exceeds the margin. In all other cases it is `not enough seeds to say`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from compare.statistics import wording
from compare.statistics.intervals import Interval, t_quantile
from compare.statistics.sample_size import MINIMUM_LAUNCHES, launches_needed
from compare.statistics.wording import Kind

SMALLEST_DIFFERENCE = 0.02  # as a fraction of a step time
WIDEST_REACH = 5  # times the smallest difference
ACCURACY_MARGIN = 0.002  # as a fraction of the test images: 0.2 points
EQUIVALENCE_CONFIDENCE = 0.9  # gives two one-sided tests at 5 %


@dataclass(frozen=True)
class Verdict:
    """The meaning of an interval. `words` fit a table's cell; `sentence` is complete without context.

    `more_launches` would give a verdict, or narrow a "no difference" to ± the smallest difference that
    matters. It is None if no more launches are needed.
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
    """Return the verdict on a ratio of times, other ÷ baseline. Its sentence uses the names and quantity."""
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
    """Return the verdict on the difference of test accuracies (fractions), other - baseline, over seeds."""
    kind = accuracy_kind(interval, margin)
    more = _more_for_accuracy(interval, kind, margin)
    words = wording.accuracy_words(kind, interval, margin)
    sentence = wording.accuracy_sentence(kind, interval, more, other=other, baseline=baseline, margin=margin)
    return Verdict(kind, words, sentence, interval, more)


def ratio_kind(interval: Interval, smallest: float = SMALLEST_DIFFERENCE) -> Kind:
    """Return the kind of verdict, by the table at the top of this file."""
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
    """Return `equivalent`, `differ` or `not_enough`, which includes a certain difference below the margin."""
    estimate, low, high = interval.estimate, interval.low, interval.high
    if estimate is None or low is None or high is None or interval.launches < MINIMUM_LAUNCHES:
        return "not_enough"
    if is_equivalent(interval, margin):
        return "equivalent"
    excludes_zero = low > 0 or high < 0
    return "differ" if excludes_zero and abs(estimate) > margin else "not_enough"


def is_equivalent(interval: Interval, margin: float) -> bool:
    """Return whether the 90 % interval is in ± margin: two one-sided t tests at 5 % (Schuirmann 1987)."""
    error, freedom = interval.standard_error, interval.degrees_of_freedom
    if interval.estimate is None or error is None or freedom is None:
        return False
    half_width = t_quantile((1 + EQUIVALENCE_CONFIDENCE) / 2, freedom) * error
    return abs(interval.estimate) + half_width < margin


def _more_for_ratio(interval: Interval, kind: Kind, smallest: float) -> int | None:
    """Return how many more launches bring the noise below the estimate, or below `smallest` if larger."""
    target = math.log1p(smallest)
    if kind == "no_difference":
        return launches_needed(interval, target) or None
    if kind != "not_enough":
        return None
    if interval.estimate is not None:
        target = max(target, interval.log_distance)
    return _at_least(interval, launches_needed(interval, target))


def _more_for_accuracy(interval: Interval, kind: Kind, margin: float) -> int | None:
    """Return how many more seeds let the present estimate pass one of the two tests."""
    if kind != "not_enough":
        return None
    distance = abs(interval.estimate or 0)
    if distance > margin:
        return _at_least(interval, launches_needed(interval, distance))
    needed = launches_needed(interval, margin - distance, confidence=EQUIVALENCE_CONFIDENCE)
    return _at_least(interval, needed)


def _at_least(interval: Interval, needed: int | None) -> int:
    """Return the launches missing to the minimum; if none are missing, `needed`, but at least one."""
    missing = MINIMUM_LAUNCHES - interval.launches
    return missing if missing > 0 else max(needed or 0, 1)
