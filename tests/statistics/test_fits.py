"""The fit of step time against batch size, on times whose costs are known."""

import random

import pytest

from compare.statistics.fits import batch_cost
from tests.known import known

SIZES = [1, 8, 32, 128, 512]


def test_exact_costs_are_found() -> None:
    """Times without noise give their costs back."""
    cost = known(batch_cost(SIZES, [0.003 + 0.0002 * size for size in SIZES]))
    assert cost.fixed_seconds == pytest.approx(0.003)
    assert cost.seconds_per_image == pytest.approx(0.0002)
    assert cost.largest_misfit < 1e-9
    assert cost.fixed_share(15) == pytest.approx(0.5)


def test_noise_of_two_percent_moves_the_costs_little() -> None:
    """Both costs come within 4 % of the true ones."""
    noise = random.Random(5)
    cost = known(batch_cost(SIZES, [(0.003 + 0.0002 * size) * noise.uniform(0.98, 1.02) for size in SIZES]))
    assert cost.fixed_seconds == pytest.approx(0.003, rel=0.04)
    assert cost.seconds_per_image == pytest.approx(0.0002, rel=0.04)


def test_a_small_batch_weighs_as_much_as_a_large_one() -> None:
    """The least absolute error would ignore the millisecond at a batch of 1."""
    times = [0.001 + 0.0002 * size for size in SIZES[:-1]] + [0.12]
    assert known(batch_cost(SIZES, times)).seconds(1) == pytest.approx(times[0], rel=0.12)


def test_no_cost_is_below_zero() -> None:
    """Times that grow faster than the size have no fixed cost, and a fit that says it is poor."""
    cost = known(batch_cost(SIZES, [0.0002 * size**1.3 for size in SIZES]))
    assert cost.fixed_seconds == 0
    assert cost.largest_misfit > 0.2  # and the fit says that it does not hold


@pytest.mark.parametrize("sizes", [[], [128], [1, 512], [8, 8, 32]])
def test_too_few_sizes_are_not_fitted(sizes: list[int]) -> None:
    """It takes three that differ."""
    assert batch_cost(sizes, [0.01] * len(sizes)) is None


@pytest.mark.parametrize(("sizes", "times"), [([1, 8], [0.1]), ([1, 8, 32], [0.1, 0.0, 0.2])])
def test_what_cannot_be_is_refused(sizes: list[int], times: list[float]) -> None:
    """As many times as sizes, each above zero."""
    with pytest.raises(ValueError, match="found"):
        batch_cost(sizes, times)
