"""Tags of torch's tensors, on arrays whose entries show their original positions."""

import numpy as np
import pytest

from torch_impl.axes import (
    axis_order,
    channels_first,
    from_canonical,
    regrouped,
    resized,
    shape_of,
    to_canonical,
)

IMAGES = channels_first((2, 3, 4, 5))
assert IMAGES is not None
NCHW = IMAGES


def numbered(*shape: int) -> np.ndarray:
    """Return an array whose entries encode their positions."""
    return np.arange(np.prod(shape), dtype=np.float64).reshape(shape)


def test_images_become_channels_last() -> None:
    """The value at [n, c, h, w] moves to [n, h, w, c]."""
    array = numbered(2, 3, 4, 5)
    assert to_canonical(array, NCHW)[1, 2, 4, 0] == array[1, 0, 2, 4]


def test_a_flattened_image_becomes_the_flattened_canonical_one() -> None:
    """The values are permuted; the array is not only reshaped."""
    array = numbered(2, 3, 4, 5)
    flat = regrouped(NCHW, (2, 60))
    assert flat is not None
    expected = to_canonical(array, NCHW).reshape(2, 60)
    np.testing.assert_array_equal(to_canonical(array.reshape(2, 60), flat), expected)


def test_a_sequence_of_patches_is_canonical_after_its_transposition() -> None:
    """A vision transformer's [N, C, H·W], transposed to [N, H·W, C], is not moved again."""
    patches = regrouped(NCHW, (2, 3, 20))
    assert patches is not None
    transposed = (patches[0], patches[2], patches[1])
    array = numbered(2, 20, 3)
    np.testing.assert_array_equal(to_canonical(array, transposed), array)


def test_pooled_away_axes_leave_no_order_behind() -> None:
    """Flattened [N, C, 1, 1] holds only channels and is not permuted."""
    pooled = resized(NCHW, (2, 3, 1, 1))
    assert pooled is not None
    flat = regrouped(pooled, (2, 3))
    assert flat == ((("N", 2),), (("C", 3),))
    assert axis_order(flat[1]) is None


def test_a_reshape_that_cuts_an_axis_ends_the_tag() -> None:
    """Two halves of the channels are not a named axis, so the tag ends."""
    assert regrouped(NCHW, (2, 6, 10)) is None


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 60), (2, 3, 20)])
def test_there_and_back_is_the_same(shape: tuple[int, ...]) -> None:
    """A mask in canonical layout is converted to torch's layout and back without a change."""
    tag = regrouped(NCHW, shape)
    assert tag is not None
    assert shape_of(tag) == shape
    array = numbered(*shape)
    np.testing.assert_array_equal(from_canonical(to_canonical(array, tag), tag), array)
