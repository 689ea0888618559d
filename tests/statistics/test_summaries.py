"""What launches look like, and the sentence that each kind of trouble gets."""

import numpy as np
import pytest

from compare.statistics.summaries import (
    FEWEST_STEPS,
    Caution,
    spread_between,
    summarize_launch,
    warnings_for,
)
from tests.known import known


def steps(count: int = 200, *, median: float = 0.025, spread: float = 0.02, seed: int = 0) -> np.ndarray:
    """Noisy step seconds, [count]."""
    return median * np.exp(np.random.default_rng(seed).normal(0, spread, count))


def warnings_of(launches: list[np.ndarray]) -> list[Caution]:
    """Return the warnings about these launches."""
    return warnings_for({"PyTorch eager, cpu": [launch.tolist() for launch in launches]})


def kinds(launches: list[np.ndarray]) -> list[str]:
    """Return the kinds of those warnings."""
    return [caution.kind for caution in warnings_of(launches)]


def test_a_launch_is_its_median_and_quartiles() -> None:
    """1 to 101: the quartiles are at 26 and 76, and half the steps lie between."""
    summary = summarize_launch(list(range(1, 102)))
    assert (summary.steps, summary.median_seconds) == (101, 51)
    assert (summary.lower_quartile_seconds, summary.upper_quartile_seconds) == (26, 76)
    assert summary.spread == pytest.approx(50 / 51)


def test_the_trend_is_the_last_tenth_against_the_first() -> None:
    """Ten steps each at either end decide; what lies between does not."""
    seconds = np.full(100, 7.0)
    seconds[:10], seconds[-10:] = 2.0, 3.0
    summary = summarize_launch(seconds.tolist())
    assert summary.trend == pytest.approx(0.5)
    assert summary.drifts


def test_the_trends_error_is_that_of_two_medians() -> None:
    """Over many launches without a trend, the trend varies by as much as its error says."""
    found = [summarize_launch(steps(1000, spread=0.05, seed=seed).tolist()) for seed in range(300)]
    observed = np.std([known(summary.trend) for summary in found])
    assert observed == pytest.approx(np.mean([known(summary.trend_error) for summary in found]), rel=0.15)


def test_few_steps_have_no_trend() -> None:
    """A tenth of them would be noise."""
    summary = summarize_launch(steps(FEWEST_STEPS - 1).tolist())
    assert (summary.trend, summary.drifts) == (None, False)


def test_no_step_has_no_summary() -> None:
    """An empty launch is an error of the caller."""
    with pytest.raises(ValueError, match="without a timed step"):
        summarize_launch([])


def test_the_spread_between_launches_is_of_their_logs() -> None:
    """Two launches a factor e² apart have a standard deviation of √2 in logs; one has none."""
    assert spread_between([1.0, np.e**2]) == pytest.approx(np.sqrt(2))
    assert spread_between([1.0]) is None


def test_good_launches_give_no_warning() -> None:
    """2 % of noise within launches and 1 % between them is fine."""
    assert kinds([steps(median=0.025 * (1 + 0.01 * seed), seed=seed) for seed in range(3)]) == []


def test_no_launch_gives_no_warning() -> None:
    """A variant that never ran has its reason elsewhere."""
    assert kinds([]) == kinds([np.array([])]) == []


def test_too_few_steps_are_told() -> None:
    """The launch with the fewest counts."""
    (caution,) = warnings_of([steps(), steps(FEWEST_STEPS - 1)])
    assert caution.kind == "few_steps"
    assert caution.sentence.startswith("PyTorch eager, cpu: only 49 timed steps in a launch")
    assert "raise --steps" in caution.sentence
    assert kinds([steps(FEWEST_STEPS)]) == []


def test_noise_within_a_launch_is_told() -> None:
    """One noisy launch of three is enough, and counted."""
    launches = [steps(), steps(seed=1), steps(spread=0.2, seed=2)]
    (caution,) = warnings_of(launches)
    assert caution.kind == "spread_within"
    assert "(1 of 3 launches)" in caution.sentence
    assert "Close other programs" in caution.sentence


def test_launches_in_two_modes_are_told() -> None:
    """22 and 29 ms, each steady: the allocator's modes."""
    launches = [steps(median=0.022), steps(median=0.022, seed=1), steps(median=0.029, seed=2)]
    (caution,) = warnings_of(launches)
    assert caution.kind == "spread_between"
    assert "medians from 22.0 ms to 29.0 ms" in caution.sentence
    assert "--allocator stable" in caution.sentence


@pytest.mark.parametrize(("end", "word"), [(1.2, "slower"), (0.85, "faster")])
def test_a_trend_over_steps_is_told(end: float, word: str) -> None:
    """Most launches end slower, or faster, than they began."""
    launches = [steps(seed=seed) * np.linspace(1, end, 200) for seed in range(2)] + [steps(seed=2)]
    (caution,) = [found for found in warnings_of(launches) if found.kind == "trend"]
    assert f"% {word} from the first tenth" in caution.sentence
    assert "(2 of 3 launches)" in caution.sentence


def test_a_trend_of_one_launch_alone_is_not_told() -> None:
    """One of three was disturbed; that is no trend of the variant."""
    drifting = steps() * np.linspace(1, 1.12, 200)
    assert kinds([drifting, steps(seed=1), steps(seed=2)]) == []


def test_noise_is_not_a_trend() -> None:
    """Noisy, short launches without a trend hardly ever show one."""
    found = [summarize_launch(steps(60, spread=0.2, seed=seed).tolist()).drifts for seed in range(300)]
    assert np.mean(found) < 0.05


def test_one_trouble_of_two_variants_is_one_sentence() -> None:
    """Ten variants with noisy steps do not hide what else is wrong."""
    noisy = [steps(spread=0.2, seed=seed).tolist() for seed in range(3)]
    (caution,) = warnings_for({"A, cpu": noisy, "B, cpu": noisy, "C, cpu": [steps().tolist()]})
    assert caution.sentence.startswith("A, cpu and B, cpu: step times vary within a launch")
    assert "spans up to" in caution.sentence
    assert "(6 of 6 launches)" in caution.sentence


def test_one_side_slower_and_the_other_faster_is_said_of_the_machine() -> None:
    """Two pieces of advice that contradict each other help nobody."""
    slower = [(steps(seed=seed) * np.linspace(1, 1.2, 200)).tolist() for seed in range(3)]
    faster = [(steps(seed=seed) * np.linspace(1, 0.85, 200)).tolist() for seed in range(3)]
    found = [one for one in warnings_for({"A, cpu": slower, "B, cpu": faster}) if one.kind == "trend"]
    (caution,) = found
    assert caution.sentence.startswith("The machine changed during launches: steps got A, cpu ")
    assert "% slower, B, cpu " in caution.sentence


def test_what_moves_a_verdict_comes_first() -> None:
    """Launches that differ before steps that vary: the launch is the unit of every interval."""
    launches = [steps(median=0.02, spread=0.2), steps(median=0.03, spread=0.2, seed=1)]
    assert kinds(launches) == ["spread_between", "spread_within"]
