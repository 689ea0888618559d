"""Blocks are interleaved so that drift falls on all launches alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.config import RunConfig
from compare.experiment.launches import WARMUP_STEPS
from compare.experiment.schedule import BLOCK_STEPS, rounds, steps_of_block
from compare.experiment.training import EVALUATION_INTERVAL_STEPS, schedule
from compare.records.results import Launch


def test_the_order_is_a_b_b_a() -> None:
    """Two launches alternate A B, B A, A B, ..."""
    orders = [round_.order for round_ in rounds(2, 200, warmup_steps=0, block_steps=lambda _: 50, seed=0)]
    assert orders == [(0, 1), (1, 0), (0, 1), (1, 0)]


def test_odd_seeds_start_the_other_way_round() -> None:
    """No framework is always the first to run."""
    first = [
        next(rounds(2, 100, warmup_steps=20, block_steps=lambda _: 50, seed=seed)).order for seed in (0, 1)
    ]
    assert first == [(0, 1), (1, 0)]


def test_the_warmup_is_a_round_of_its_own() -> None:
    """Warm-up steps never share a block with timed ones."""
    sizes = [round_.steps for round_ in rounds(2, 1000, warmup_steps=20, block_steps=lambda _: 50, seed=0)]
    assert sizes == [20, *[50] * 19, 30]


@given(
    launches=st.integers(1, 9),
    steps=st.integers(1, 3000),
    warmup=st.integers(0, 50),
    block=st.integers(1, 100),
    seed=st.integers(0, 5),
)
def test_every_launch_trains_every_step(
    launches: int, steps: int, warmup: int, block: int, seed: int
) -> None:
    """The rounds add up to the steps, and each holds every launch once."""
    plan = list(rounds(launches, steps, warmup_steps=warmup, block_steps=lambda _: block, seed=seed))
    assert sum(round_.steps for round_ in plan) == steps
    assert all(sorted(round_.order) == list(range(launches)) for round_ in plan)
    assert all(round_.steps > 0 for round_ in plan)


@pytest.mark.parametrize("launches", [2, 3, 5])
def test_a_linear_drift_falls_on_all_alike(launches: int) -> None:
    """Over an even number of rounds, each launch's mean place in time is the same."""
    plan = rounds(launches, 400, warmup_steps=0, block_steps=lambda _: 50, seed=0)
    places = np.zeros(launches)
    for number, index in enumerate(index for round_ in plan for index in round_.order):
        places[index] += number
    assert np.ptp(places) == 0


@pytest.mark.parametrize(
    ("fastest_seconds", "left", "steps"),
    [
        (0.05, 580, BLOCK_STEPS),  # ten steps last long enough
        (0.001, 5_000, 200),  # a card: 0.2 s
        (0.001, 580, 145),  # of a short run, four blocks at least
        (0.001, 8, BLOCK_STEPS),
    ],
)
def test_a_block_of_the_fastest_lasts_a_fifth_of_a_second(
    fastest_seconds: float, left: int, steps: int
) -> None:
    """Whatever its first steps took, which may have compiled; a launch that never began has no say."""
    compiled = [30.0, *[fastest_seconds] * 9]
    assert steps_of_block([compiled, [1.0] * 10, []], left) == steps


def test_blocks_are_sized_once_the_warm_up_is_done() -> None:
    """Not before: nobody has made a step then."""
    asked: list[int] = []

    def block_steps(left: int) -> int:
        asked.append(left)
        return 40

    plan = rounds(2, 100, warmup_steps=20, block_steps=block_steps, seed=0)
    assert next(plan).steps == 20
    assert asked == []
    assert [one.steps for one in plan] == [40, 40]
    assert asked == [80]


def test_a_target_is_looked_for_between_short_blocks() -> None:
    """However fast the steps: with --target-accuracy a block ends where an evaluation may be due."""
    plain = replace(RunConfig(), steps=2_000)
    run = Launch("torch", "eager", "cuda", "float32", 0, "torch:eager", step_seconds=[0.001] * WARMUP_STEPS)
    sizes = [round_.steps for round_ in schedule(plain, [run], 0)]
    assert sizes[:3] == [WARMUP_STEPS, 200, 200]
    aimed = replace(plain, target_accuracy=98.0)
    assert [round_.steps for round_ in schedule(aimed, [run], 0)][1] == EVALUATION_INTERVAL_STEPS
