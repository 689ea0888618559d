"""Initial weights are seeded, Glorot uniform, canonical."""

import math

import numpy as np
import pytest

from compare.data.weights import initial_weights, weights_digest
from lenet_spec import LeNetSpec

SPEC = LeNetSpec()


def test_names_shapes_and_dtype_are_canonical() -> None:
    """float32 arrays of the spec's parameter shapes, in order."""
    weights = initial_weights(SPEC, 0)
    assert {name: array.shape for name, array in weights.items()} == SPEC.parameter_shapes()
    assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize(
    ("name", "fans"),
    [
        ("conv1/kernel", 25 * 1 + 25 * 32),
        ("conv2/kernel", 25 * 32 + 25 * 64),
        ("dense1/kernel", 1024 + 1024),
        ("dense2/kernel", 1024 + 10),
    ],
)
def test_kernels_fill_glorots_interval(name: str, fans: int) -> None:
    """Uniform in ±sqrt(6 / (fan_in + fan_out)), with fans that count the whole window."""
    kernel, limit = initial_weights(SPEC, 0)[name], math.sqrt(6 / fans)
    assert abs(kernel).max() <= np.float32(limit)
    assert abs(kernel).max() > 0.98 * limit
    assert kernel.std() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    assert abs(kernel.mean()) < 0.1 * limit


def test_biases_start_at_zero() -> None:
    """As tf.layers did, and unlike torch's default."""
    weights = initial_weights(SPEC, 0)
    assert all(not array.any() for name, array in weights.items() if name.endswith("/bias"))


def test_the_digest_of_seed_0_is_fixed() -> None:
    """Another NumPy, another machine: the same weights, or this fails."""
    assert weights_digest(initial_weights(SPEC, 0)) == (
        "1cb721c1e905adb2f15f7fe923dd03c29efd1b7a5bc37dc3436149559fbc870b"
    )


def test_the_digest_is_of_values_not_of_their_dtype() -> None:
    """A float64 model that holds the float32 values has the same digest; one changed bit has not."""
    weights = initial_weights(SPEC, 1)
    wide = {name: array.astype(np.float64) for name, array in weights.items()}
    assert weights_digest(wide) == weights_digest(weights)
    wide["dense2/bias"][3] = np.nextafter(0, 1)
    assert weights_digest(wide) != weights_digest(weights)
    assert weights_digest(initial_weights(SPEC, 2)) != weights_digest(weights)
