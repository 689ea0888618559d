"""Blocks are interleaved so that drift falls on all launches alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.experiment.schedule import rounds


def test_the_order_is_a_b_b_a() -> None:
    """Two launches alternate A B, B A, A B, ..."""
    orders = [round_.order for round_ in rounds(2, 200, warmup_steps=0, block_steps=50, seed=0)]
    assert orders == [(0, 1), (1, 0), (0, 1), (1, 0)]


def test_odd_seeds_start_the_other_way_round() -> None:
    """No framework is always the first to run."""
    first = [rounds(2, 100, warmup_steps=20, block_steps=50, seed=seed)[0].order for seed in (0, 1)]
    assert first == [(0, 1), (1, 0)]


def test_the_warmup_is_a_round_of_its_own() -> None:
    """Warm-up steps never share a block with timed ones."""
    sizes = [round_.steps for round_ in rounds(2, 1000, warmup_steps=20, block_steps=50, seed=0)]
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
    plan = rounds(launches, steps, warmup_steps=warmup, block_steps=block, seed=seed)
    assert sum(round_.steps for round_ in plan) == steps
    assert all(sorted(round_.order) == list(range(launches)) for round_ in plan)
    assert all(round_.steps > 0 for round_ in plan)


@pytest.mark.parametrize("launches", [2, 3, 5])
def test_a_linear_drift_falls_on_all_alike(launches: int) -> None:
    """Over an even number of rounds, each launch's mean place in time is the same."""
    plan = rounds(launches, 400, warmup_steps=0, block_steps=50, seed=0)
    places = np.zeros(launches)
    for number, index in enumerate(index for round_ in plan for index in round_.order):
        places[index] += number
    assert np.ptp(places) == 0
