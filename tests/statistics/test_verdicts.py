"""Which words an interval gets, at the edges of the rules, and that they read as sentences."""

import math
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from compare.statistics.intervals import Interval, difference_interval, ratio_interval
from compare.statistics.verdicts import (
    Verdict,
    accuracy_kind,
    accuracy_verdict,
    is_equivalent,
    ratio_kind,
    ratio_verdict,
)
from tests.known import known

OPPOSITE = {"faster": "slower", "slower": "faster"}
BAND, REACH = math.log1p(0.02), math.log1p(0.10)


def of(estimate: float, low: float, high: float, launches: int = 3) -> Interval:
    """Return an interval of these numbers."""
    return Interval(estimate, low, high, launches)


def timed(first: list[float], second: list[float], smallest: float = 0.02) -> Verdict:
    """Return the verdict on step times, one a launch."""
    interval = ratio_interval(first, second)
    return ratio_verdict(interval, other="PyTorch eager", baseline="TensorFlow eager", smallest=smallest)


def learned(first: list[float], second: list[float]) -> Verdict:
    """Return the verdict on accuracies, one a seed."""
    interval = difference_interval(first, second)
    return accuracy_verdict(interval, other="PyTorch eager", baseline="TensorFlow eager")


@pytest.mark.parametrize(
    ("interval", "kind"),
    [
        (of(0.80, 0.77, 0.83), "faster"),
        (of(1.05, 1.01, 1.09), "slower"),
        (of(1.0201, 1.0200, 1.0202), "slower"),
        (of(1.0199, 1.0198, 1.0200), "no_difference"),
        (of(1.05, 0.99, 1.1136), "not_enough"),
        (of(1.00, 0.96, 1 / 0.96), "no_difference"),
        (of(1.00, 1 / 1.099, 1.099), "no_difference"),
        (of(1.00, 1 / 1.101, 1.101), "not_enough"),
        (of(1.00, 0.80, 1.25), "not_enough"),
        (of(1.015, 0.945, 1.0902), "no_difference"),
        (of(1.015, 0.93, 1.1078), "not_enough"),
        (of(0.80, 0.77, 0.83, launches=2), "not_enough"),
        (of(1.00, 0.99, 1.01, launches=2), "not_enough"),
    ],
)
def test_the_table_of_verdicts(interval: Interval, kind: str) -> None:
    """Each row of the rules, on both sides of its edges."""
    assert ratio_kind(interval) == kind


def test_what_matters_can_be_chosen() -> None:
    """A slowdown of 1.5 % counts where 1 % matters, and the limit of "no difference" moves along."""
    assert ratio_kind(of(1.015, 1.012, 1.018), 0.01) == "slower"
    assert ratio_kind(of(1.0, 1 / 1.06, 1.06), 0.01) == "not_enough"


def test_the_faster_one_is_named_first() -> None:
    """In the sentence; in a table the words are of the row."""
    verdict = timed([24.8, 24.9, 25.0], [31.0, 31.2, 30.5])
    assert verdict.words == "1.24× as fast"
    assert verdict.sentence == (
        "PyTorch eager is 1.24× as fast as TensorFlow eager [1.20, 1.29]: step time 19 % shorter, "
        "3 launches on this machine."
    )
    assert verdict.more_launches is None
    slower = timed([31.0, 31.2, 30.5], [24.8, 24.9, 25.0])
    assert slower.words == "0.81× as fast"
    assert slower.sentence == (
        "TensorFlow eager is 1.24× as fast as PyTorch eager [1.20, 1.29]: step time 19 % shorter, "
        "3 launches on this machine."
    )


def test_no_difference_says_what_it_leaves_open() -> None:
    """The sentence names the difference that is not excluded, and what would narrow it."""
    verdict = timed([31.0, 30.9, 31.3], [31.0, 31.2, 30.9])
    assert (verdict.kind, verdict.words, verdict.more_launches) == ("no_difference", "no difference", 1)
    assert verdict.sentence == (
        "No difference between PyTorch eager and TensorFlow eager: step time 1.00× [0.97, 1.03], "
        "3 launches on this machine; "
        "up to 3.0 % is not excluded, about 1 more launch would narrow it to ±2 %."
    )


def test_a_close_no_difference_leaves_nothing_open() -> None:
    """An interval within 2 % ends the sentence and asks for nothing."""
    verdict = timed([31.0, 31.01, 30.99], [31.01, 31.0, 31.0])
    assert verdict.sentence.endswith("3 launches on this machine.")
    assert verdict.more_launches is None


def test_a_sure_difference_that_does_not_matter_is_told() -> None:
    """1 %, proven, is no difference that matters, and the reader learns of it."""
    verdict = timed([31.0, 31.01, 31.0], [30.7, 30.7, 30.7])
    assert verdict.kind == "no_difference"
    assert verdict.sentence.endswith("; the difference is certain, but below the 2 % that matters.")


def test_too_wide_says_how_many_more_would_settle_it() -> None:
    """Modes of the allocator: a third apart, and no winner."""
    verdict = timed([22.0, 29.0, 29.0], [22.1, 22.0, 29.0])
    assert (verdict.words, verdict.more_launches) == ("not enough launches to say", 12)
    assert verdict.sentence == (
        "Not enough launches to say which of PyTorch eager and TensorFlow eager is faster: "
        "step time 1.09× [0.73, 1.63], 3 launches on this machine; about 12 more launches would settle it."
    )


def test_the_estimate_of_launches_is_enough_if_launches_go_on_alike() -> None:
    """Launches repeated in the same proportions as often as was said do settle it."""
    first, second = [31.5, 30.0, 33.5], [30.0, 30.0, 30.0]
    verdict = timed(first, second)
    assert verdict.kind == "not_enough"
    times = 1 + math.ceil(known(verdict.more_launches) / 3)
    assert timed(first * times, second * times).kind == "slower"


@pytest.mark.parametrize(("launches", "size"), [(0, "no launch of both"), (1, "1.03×"), (2, "1.03× [")])
def test_fewer_than_three_launches_never_decide(launches: int, size: str) -> None:
    """However alike they are: the sentence asks for what makes up three."""
    verdict = timed([31.0, 31.0][:launches], [30.0, 30.1][:launches])
    assert (verdict.kind, verdict.more_launches) == ("not_enough", 3 - launches)
    assert size in verdict.sentence
    plural = "launch" if launches == 2 else "launches"
    assert verdict.sentence.endswith(f"; take at least {3 - launches} more {plural}.")


def test_hopeless_noise_is_not_given_a_number() -> None:
    """Beyond a thousand launches the number is a floor."""
    verdict = timed([1.0, 3.0, 9.0, 1.0, 3.0], [3.0, 1.0, 1.0, 9.0, 2.98])
    assert verdict.sentence.endswith("at least 1,000 more launches would settle it.")


def test_equal_accuracies_are_equivalent() -> None:
    """The margin stands in the words."""
    verdict = learned([0.9903, 0.9902, 0.9901], [0.9901, 0.9900, 0.9900])
    assert (verdict.kind, verdict.words) == ("equivalent", "equivalent within 0.2 points")
    assert verdict.sentence == (
        "PyTorch eager and TensorFlow eager are equivalent within 0.2 points: "
        "test accuracy +0.02 points [0.00, +0.03], 3 seeds."
    )
    assert learned([0.99] * 3, [0.99] * 3).kind == "equivalent"


def test_accuracies_apart_differ() -> None:
    """A whole point is named, with its sign in the interval."""
    verdict = learned([0.98, 0.981, 0.979], [0.99, 0.99, 0.991])
    assert (verdict.kind, verdict.words, verdict.more_launches) == ("differ", "differ by 1.03 points", None)
    assert "test accuracy −1.03 points [−1.41, −0.65], 3 seeds" in verdict.sentence


def test_accuracies_that_vary_too_much_are_neither() -> None:
    """About two more seeds would do."""
    verdict = learned([0.9913, 0.9895, 0.9922], [0.9901, 0.9900, 0.9907])
    assert (verdict.kind, verdict.words) == ("not_enough", "not enough seeds to say")
    assert verdict.sentence.endswith("3 seeds; about 2 more seeds would settle it.")
    assert verdict.more_launches == 2


def test_a_sure_difference_within_the_margin_is_not_called_differ() -> None:
    """0.15 points, surely above 0 but not surely below 0.2, is neither."""
    assert accuracy_kind(difference_interval([0.0010, 0.0015, 0.0020], [0.0] * 3)) == "not_enough"
    assert accuracy_kind(difference_interval([0.0021, 0.0026, 0.0031], [0.0] * 3)) == "differ"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_large_difference_inside_its_noise_is_not_called_differ(sign: int) -> None:
    """0.3 points, give or take 0.5, is neither; more seeds would have to exclude 0."""
    verdict = learned([sign * 0.001, sign * 0.003, sign * 0.005], [0.0] * 3)
    assert verdict.kind == "not_enough"
    assert verdict.more_launches == 2


@pytest.mark.parametrize("launches", [0, 1, 2])
def test_fewer_than_three_seeds_never_decide(launches: int) -> None:
    """Two equal accuracies, which are rounded to whole images, may be luck."""
    verdict = learned([0.99, 0.99][:launches], [0.98, 0.98][:launches])
    assert (verdict.kind, verdict.more_launches) == ("not_enough", 3 - launches)
    assert learned([0.99, 0.99][:launches], [0.99, 0.99][:launches]).kind == "not_enough"


@pytest.mark.parametrize("spread", [0.5e-3, 1e-3, 2e-3])
@pytest.mark.parametrize("shift", [-2.5e-3, -1e-3, 0.0, 1.5e-3, 2.5e-3])
def test_equivalence_is_two_one_sided_tests(shift: float, spread: float) -> None:
    """It holds exactly where SciPy's t tests reject a difference beyond either end of the margin at 5 %."""
    values = [
        shift - spread,
        shift + 0.2 * spread,
        shift + 0.5 * spread,
        shift + spread,
        shift - 0.3 * spread,
    ]
    below = stats.ttest_1samp(values, -0.002, alternative="greater").pvalue
    above = stats.ttest_1samp(values, 0.002, alternative="less").pvalue
    found = is_equivalent(difference_interval(values, [0.0] * 5), 0.002)
    assert found == (max(below, above) < 0.05)


launch = st.tuples(st.floats(0.9, 1.1), st.floats(0.9, 1.1))


def far_from_an_edge(interval: Interval) -> bool:
    """Where rounding cannot change the verdict."""
    distance, half_width = interval.log_distance, interval.log_half_width
    edges = (distance - BAND, half_width - distance, distance + half_width - REACH)
    return all(abs(edge) > 1e-9 for edge in edges)


@settings(deadline=None)
@given(st.lists(launch, min_size=1, max_size=10))
def test_swapping_the_sides_swaps_the_verdict(pairs: list[tuple[float, float]]) -> None:
    """Faster becomes slower, the rest stays, and so does the number of launches that it takes."""
    first, second = (list(side) for side in zip(*pairs, strict=True))
    assume(len(pairs) < 2 or far_from_an_edge(ratio_interval(first, second)))
    there, back = timed(first, second), timed(second, first)
    assert back.kind == OPPOSITE.get(there.kind, there.kind)
    assert back.more_launches == there.more_launches


@settings(deadline=None)
@given(st.lists(launch, min_size=1, max_size=10), st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
def test_neither_unit_nor_order_changes_the_verdict(
    pairs: list[tuple[float, float]], factor: float, chance: Random
) -> None:
    """Other units and a shuffle give the same words."""
    first, second = (list(side) for side in zip(*pairs, strict=True))
    assume(len(pairs) < 2 or far_from_an_edge(ratio_interval(first, second)))
    changed = [(factor * a, factor * b) for a, b in chance.sample(pairs, len(pairs))]
    first_again, second_again = (list(side) for side in zip(*changed, strict=True))
    assert timed(first_again, second_again).kind == timed(first, second).kind


@settings(deadline=None)
@given(st.lists(launch, min_size=3, max_size=10))
def test_no_winner_stands_inside_its_noise(pairs: list[tuple[float, float]]) -> None:
    """Whatever the launches: a winner's interval excludes 1 and its estimate is off by 2 % at least."""
    first, second = (list(side) for side in zip(*pairs, strict=True))
    verdict = timed(first, second)
    if verdict.kind in OPPOSITE:
        assert not known(verdict.interval.low) <= 1 <= known(verdict.interval.high)
        assert verdict.interval.log_distance >= BAND
