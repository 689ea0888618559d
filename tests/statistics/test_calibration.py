"""On simulated launches the intervals and verdicts are right as often as they claim."""

from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from compare.statistics.intervals import (
    Interval,
    difference_interval,
    ratio_interval,
    unpaired_ratio_interval,
)
from compare.statistics.verdicts import accuracy_kind, ratio_kind
from tests.known import known
from tests.statistics.experiments import (
    EXPERIMENTS,
    NORMAL,
    OFTEN_SLOW,
    SOMETIMES_SLOW,
    Noise,
    Pair,
    medians,
    step_seconds,
)

NOISES = pytest.mark.parametrize(
    "noise", [NORMAL, SOMETIMES_SLOW, OFTEN_SLOW], ids=["normal", "sometimes slow", "often slow"]
)
LAUNCHES = pytest.mark.parametrize("launches", [3, 5, 10])


def coverage(intervals: list[Interval], truth: float) -> float:
    """Return the share of the intervals that hold the truth."""
    return float(np.mean([known(interval.low) <= truth <= known(interval.high) for interval in intervals]))


def share_of_kinds(noise: Noise, launches: int, ratio: float = 1.0) -> defaultdict[str, float]:
    """Return how often each kind of verdict comes out, as a share of the experiments."""
    counts = Counter(ratio_kind(ratio_interval(*pair)) for pair in medians(noise, launches, ratio=ratio))
    return defaultdict(float, {kind: count / EXPERIMENTS for kind, count in counts.items()})


@NOISES
@LAUNCHES
def test_the_interval_covers_the_true_ratio(noise: Noise, launches: int) -> None:
    """A 95 % interval holds the true ratio in at least 93 % of experiments, modes of launches included."""
    intervals = [ratio_interval(*pair) for pair in medians(noise, launches, ratio=1.25)]
    assert coverage(intervals, 1.25) >= 0.93


@pytest.mark.parametrize("noise", [NORMAL, OFTEN_SLOW], ids=["normal", "often slow"])
def test_steps_taken_as_independent_cover_far_too_rarely(noise: Noise) -> None:
    """Why launches are the unit: a "95 %" interval from all steps misses the truth half the time."""
    first, second = step_seconds(noise, 3, ratio=1.25, steps=500)
    logs = np.log(first / second).reshape(EXPERIMENTS, -1)
    error = logs.std(axis=1, ddof=1) / np.sqrt(logs.shape[1])
    assert np.mean(np.abs(logs.mean(axis=1) - np.log(1.25)) <= 1.96 * error) < 0.5


@LAUNCHES
def test_a_variant_against_itself_is_no_difference(launches: int) -> None:
    """With launches that differ by 1 %, A/A says "no difference" in at least 95 % of experiments."""
    assert share_of_kinds(NORMAL, launches)["no_difference"] >= 0.95


@NOISES
@LAUNCHES
def test_a_variant_against_itself_has_no_winner(noise: Noise, launches: int) -> None:
    """A/A names a winner in at most 5 % of experiments, modes of launches included."""
    shares = share_of_kinds(noise, launches)
    assert shares["faster"] + shares["slower"] <= 0.05


@pytest.mark.parametrize("launch_noise", [0.01, 0.02])
def test_a_slowdown_of_5_percent_is_found_at_10_launches(launch_noise: float) -> None:
    """10 launches that differ by 1 or 2 % show a slowdown of 5 % in at least 90 % of experiments."""
    assert share_of_kinds(Noise(launch=launch_noise), 10, ratio=1.05)["slower"] >= 0.9


def test_a_difference_too_small_to_matter_has_no_winner() -> None:
    """A true slowdown of 1 %, half of what matters, is "no difference" however many launches prove it."""
    assert share_of_kinds(Noise(launch=0.005), 10, ratio=1.01)["no_difference"] >= 0.99


def test_wild_launches_are_not_called_equal() -> None:
    """A/A whose launches differ by 10 % is mostly "not enough", seldom "no difference"."""
    shares = share_of_kinds(Noise(launch=0.1), 3)
    assert shares["not_enough"] >= 0.85
    assert shares["no_difference"] <= 0.1


@pytest.mark.parametrize("interval", [unpaired_ratio_interval, ratio_interval])
def test_without_a_common_session_both_forms_cover(interval: Callable[..., Interval]) -> None:
    """Where pairing does not help, Welch's interval covers, and the paired one still does."""
    pairs = medians(Noise(session=0.0), 5, ratio=0.8)
    assert coverage([interval(*pair) for pair in pairs], 0.8) >= 0.93


def test_pairing_takes_the_session_out() -> None:
    """With a session noise of 5 % the paired interval is mostly less than half as wide as Welch's."""
    narrower = [
        2 * ratio_interval(*pair).log_half_width < unpaired_ratio_interval(*pair).log_half_width
        for pair in medians(NORMAL, 5)
    ]
    assert np.mean(narrower) >= 0.9


def accuracies(truth: float, seeds: int) -> list[Pair]:
    """Return counts out of 10,000 images: seeds differ by 0.08 points, and the two of a seed by 0.08 each."""
    rng = np.random.default_rng(1)
    common = 0.99 + rng.normal(0, 0.0008, (EXPERIMENTS, seeds))
    sides = (common + shift + rng.normal(0, 0.0008, common.shape) for shift in (truth, 0.0))
    return list(zip(*(np.round(side, 4).tolist() for side in sides), strict=True))


@LAUNCHES
def test_the_interval_covers_the_true_difference_of_accuracies(launches: int) -> None:
    """A 95 % interval holds the true difference in at least 93 % of experiments."""
    pairs = accuracies(0.001, launches)
    assert coverage([difference_interval(*pair) for pair in pairs], 0.001) >= 0.93


@pytest.mark.parametrize("truth", [0.002, -0.002])
def test_accuracies_a_margin_apart_are_seldom_called_equivalent(truth: float) -> None:
    """At the edge of the margin the equivalence test errs in about 5 % of experiments."""
    kinds = Counter(accuracy_kind(difference_interval(*pair)) for pair in accuracies(truth, 5))
    assert kinds["equivalent"] / EXPERIMENTS <= 0.065


def test_equal_accuracies_are_equivalent_at_10_seeds() -> None:
    """10 seeds show in at least 90 % of experiments that two equals are within 0.2 points; none differ."""
    kinds = Counter(accuracy_kind(difference_interval(*pair)) for pair in accuracies(0.0, 10))
    assert kinds["equivalent"] / EXPERIMENTS >= 0.9
    assert kinds["differ"] / EXPERIMENTS <= 0.01
