"""Probing weights hide nothing."""

import numpy as np
import pytest

from compare.task.weights import moved_by_a_unit, neutral, probing

NAMES = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "alpha", "query/kernel"]


@pytest.mark.parametrize("name", NAMES)
def test_no_weight_is_a_default(name: str) -> None:
    """No probing weight is 0 or 1, and variances are positive."""
    found = probing(name, (4, 5, 6), np.random.default_rng(0))
    assert not np.isin(found, (0.0, 1.0)).any()
    assert np.unique(found).size == found.size
    if name == "moving_variance":
        assert found.min() > 0


def test_moving_changes_every_element_by_one_unit_in_the_last_place() -> None:
    """Each element moves up or down by one unit of the array's own dtype."""
    start = np.array([1.0, -3.0, 0.5], np.float32)
    other = moved_by_a_unit(start, np.random.default_rng(1))
    assert other.dtype == np.float32
    apart = np.abs(other.astype(np.float64) - start)
    assert np.all(apart > 0)
    assert np.all(apart <= np.spacing(np.abs(start)))


def test_a_tensor_without_a_partner_is_made_to_do_nothing() -> None:
    """A bias that torch lacks is set to 0, and a scale to 1."""
    assert neutral("bias", (3,)).tolist() == [0.0] * 3
    assert neutral("forward/gamma", (2,)).tolist() == [1.0] * 2
