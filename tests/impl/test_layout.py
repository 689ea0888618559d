"""Canonical layouts to torch's and back, on arrays whose entries tell where they stood."""

import numpy as np
import pytest

from lenet_spec import LeNetSpec
from torch_impl import layout

SPEC = LeNetSpec()


def numbered(*shape: int) -> np.ndarray:
    """Return an array whose entries count up from 0."""
    return np.arange(np.prod(shape), dtype=np.float64).reshape(shape)


@pytest.mark.parametrize(("name", "shape"), SPEC.parameter_shapes().items())
def test_there_and_back_is_the_same(name: str, shape: tuple[int, ...]) -> None:
    """Every parameter survives the round trip."""
    array = numbered(*shape)
    there = layout.from_canonical(name, array, SPEC)
    np.testing.assert_array_equal(layout.to_canonical(name, there, SPEC), array)
    assert there.flags.c_contiguous


def test_a_convolution_kernel_keeps_its_height_and_width() -> None:
    """HWIO [h, w, i, o] stands at OIHW [o, i, h, w]."""
    kernel = numbered(5, 5, 32, 64)
    assert layout.from_canonical("conv2/kernel", kernel, SPEC)[7, 3, 1, 2] == kernel[1, 2, 3, 7]


def test_the_first_dense_kernel_follows_the_flattened_order() -> None:
    """Row h·4·64 + w·64 + c of the canonical kernel is column c·16 + h·4 + w of torch's."""
    kernel = numbered(1024, 1024)
    height, width, channel = 2, 1, 40
    canonical_row, torch_column = height * 256 + width * 64 + channel, channel * 16 + height * 4 + width
    there = layout.from_canonical("dense1/kernel", kernel, SPEC)
    np.testing.assert_array_equal(there[:, torch_column], kernel[canonical_row])
    assert not np.array_equal(there, kernel.T)  # the plain transpose is the classic mistake


def test_activations_come_back_in_canonical_order() -> None:
    """NCHW to NHWC, and the flat one so that it equals the flattened NHWC pool."""
    pool = numbered(2, 64, 4, 4)
    canonical = layout.activation_to_canonical("pool2", pool, SPEC)
    assert canonical[1, 2, 3, 40] == pool[1, 40, 2, 3]
    flat = layout.activation_to_canonical("flat", pool.reshape(2, -1), SPEC)
    np.testing.assert_array_equal(flat, canonical.reshape(2, -1))
