"""The time left is what the steps and launches so far say, on a clock that the test holds."""

import io

import pytest
from rich.console import Console

from compare.rendering.progress import Estimate, RatioSoFar, TrainingProgress
from tests.rendering import synthetic


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_said_before_the_first_step() -> None:
    """No step, no estimate."""
    assert Estimate({"tf": 100}, 1, Clock()).remaining_seconds() is None


def test_each_label_is_counted_at_its_own_speed() -> None:
    """A fast and a slow variant: 50 steps of each are left."""
    clock = Clock()
    estimate = Estimate({"fast": 100, "slow": 100}, 2, clock)
    estimate.launched(2, 10)
    estimate.trained("fast", 50, 1)
    estimate.trained("slow", 50, 10)
    clock.now += 21
    assert estimate.remaining_seconds() == pytest.approx(11)


def test_launches_to_come_are_counted() -> None:
    """Two launches of 5 s are done, two are to come."""
    clock = Clock()
    estimate = Estimate({"a": 20}, 4, clock)
    estimate.launched(2, 10)
    estimate.trained("a", 10, 10)
    clock.now += 20
    assert estimate.remaining_seconds() == pytest.approx(10 + 2 * 5)


def test_what_is_neither_step_nor_launch_stretches_the_rest() -> None:
    """Half the time went elsewhere, and will again."""
    clock = Clock()
    estimate = Estimate({"a": 20}, 1, clock)
    estimate.launched(1, 10)
    estimate.trained("a", 10, 10)
    clock.now += 40
    assert estimate.remaining_seconds() == pytest.approx(20)


def test_output_to_a_pipe_is_a_line_now_and_then() -> None:
    """Lines, no control characters, one each half minute at most."""
    clock, out = Clock(), io.StringIO()
    with TrainingProgress(Console(file=out, width=80), {"a": 1000}, 1, clock) as progress:
        progress.starting(["a"], 0)
        for _ in range(10):
            clock.now += 10
            progress.trained("a", 100, 10)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert len(lines) == 4
    assert lines[-1].split() == ["training", "1,000/1,000", "steps", "1:40"]


def test_the_ratio_so_far_is_by_block_then_by_launch() -> None:
    """Nothing of one label; then the medians of blocks; then launches, with an interval of two or more."""
    ratio = RatioSoFar()
    ratio.trained("tf:eager", 10, 0.4)
    assert ratio.text() == ""
    ratio.trained("torch:eager", 10, 9.0)  # the first block compiles
    for _ in range(3):
        ratio.trained("torch:eager", 10, 0.2)
    assert ratio.text() == "torch:eager ÷ tf:eager 0.50× so far"
    for launch in synthetic.results(seeds=2, steps=60).runs:
        ratio.ended(launch)
    assert ratio.text().startswith("PyTorch eager ÷ TensorFlow eager 0.")
    assert ratio.text().endswith("], 2 launches")
