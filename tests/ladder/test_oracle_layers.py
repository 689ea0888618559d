"""The oracle's layers and loss give values that can be worked out by hand."""

from typing import Literal

import numpy as np
import pytest

from compare.ladder.oracle_layers import (
    conv,
    conv_input_gradient,
    conv_kernel_gradient,
    cross_entropy,
    cross_entropy_gradient,
    max_pool,
    max_pool_gradient,
)
from lenet_spec import Conv, MaxPool

ONE_TO_NINE = np.arange(1.0, 10.0).reshape(3, 3)
DIGITS = np.array([[1.0, 10.0], [100.0, 1000.0]])  # each digit of a result tells which pixel met which weight


def convolve(image: np.ndarray, kernel: np.ndarray, layer: Conv, bias: float = 0.0) -> np.ndarray:
    """One image [H, W] of one channel, one filter [K, K]: [H', W']."""
    return conv(image[None, :, :, None], kernel[:, :, None, None], np.array([bias]), layer)[0, :, :, 0]


def pool_gradient(image: np.ndarray, d: np.ndarray, layer: MaxPool) -> np.ndarray:
    """One image [H, W] of one channel, d [H', W']: [H, W]."""
    images = image[None, :, :, None]
    return max_pool_gradient(d[None, :, :, None], images, max_pool(images, layer), layer)[0, :, :, 0]


def test_a_valid_convolution_neither_flips_nor_transposes_its_kernel() -> None:
    """Top left is 1·1 + 2·10 + 4·100 + 5·1000."""
    outputs = convolve(ONE_TO_NINE, DIGITS, Conv(1, 2))
    np.testing.assert_array_equal(outputs, [[5421, 6532], [8754, 9865]])


def test_same_padding_of_an_even_kernel_adds_its_zeros_at_the_end() -> None:
    """Bottom right sees only the 9, through the kernel's first weight."""
    outputs = convolve(ONE_TO_NINE, DIGITS, Conv(1, 2, padding="same"))
    np.testing.assert_array_equal(outputs, [[5421, 6532, 603], [8754, 9865, 906], [87, 98, 9]])


def test_same_padding_of_an_odd_kernel_adds_zeros_all_around() -> None:
    """Top left is 1·5 + 2·6 + 3·8 + 4·9."""
    outputs = convolve(np.array([[1.0, 2.0], [3.0, 4.0]]), ONE_TO_NINE, Conv(1, 3, padding="same"))
    np.testing.assert_array_equal(outputs, [[77, 67], [47, 37]])


def test_same_padding_with_a_stride_pads_only_what_the_last_window_lacks() -> None:
    """Size 4, kernel 3, stride 2: one zero at the end, none before, so the windows start at 0 and 2."""
    corner = np.zeros((3, 3))
    corner[0, 0] = 1
    outputs = convolve(np.arange(16.0).reshape(4, 4), corner, Conv(1, 3, stride=2, padding="same"))
    np.testing.assert_array_equal(outputs, [[0, 2], [8, 10]])


def test_a_strided_valid_convolution_takes_every_second_window() -> None:
    """Rows and columns 0 and 2."""
    outputs = convolve(ONE_TO_NINE, np.array([[1.0]]), Conv(1, 1, stride=2))
    np.testing.assert_array_equal(outputs, [[1, 3], [7, 9]])


def test_a_kernel_is_laid_out_height_width_in_out() -> None:
    """A pixel (2, 3) through [[1, 10], [100, 1000]] is (2·1 + 3·100, 2·10 + 3·1000), plus each bias."""
    pixel, bias = np.array([2.0, 3.0]).reshape(1, 1, 1, 2), np.array([0.5, 0.25])
    outputs = conv(pixel, DIGITS[None, None], bias, Conv(2, 1))
    np.testing.assert_array_equal(outputs.ravel(), [302.5, 3020.25])


def test_relu_follows_the_bias_and_linear_changes_nothing() -> None:
    """-6 turns 5421 - 5427 into 0, or leaves it."""
    cases: tuple[tuple[Literal["relu", "linear"], int], ...] = (("relu", 0), ("linear", -6))
    for activation, expected in cases:
        outputs = convolve(ONE_TO_NINE, DIGITS, Conv(1, 2, activation=activation), bias=-5427)
        np.testing.assert_array_equal(outputs, [[expected, 1105], [3327, 4438]])


def test_convolution_gradients_of_one_output() -> None:
    """Only the top right output counts: the kernel's gradient is its patch, the inputs' the kernel there."""
    layer, d = Conv(1, 2), np.array([[0.0, 2.0], [0.0, 0.0]]).reshape(1, 2, 2, 1)
    images, kernel = ONE_TO_NINE[None, :, :, None], DIGITS[:, :, None, None]
    by_kernel = conv_kernel_gradient(d, images, layer)[:, :, 0, 0]
    np.testing.assert_array_equal(by_kernel, [[4, 6], [10, 12]])  # 2 · [[2, 3], [5, 6]]
    by_input = conv_input_gradient(d, kernel, images, layer)[0, :, :, 0]
    np.testing.assert_array_equal(by_input, [[0, 2, 20], [0, 200, 2000], [0, 0, 0]])


def test_the_gradient_of_overlapping_patches_adds_up_inside_the_padding() -> None:
    """Under `same` each input collects the weights that met it, and what fell on the zeros is cut off."""
    images, d = np.zeros((1, 2, 2, 1)), np.ones((1, 2, 2, 1))
    by_input = conv_input_gradient(d, ONE_TO_NINE[:, :, None, None], images, Conv(1, 3, padding="same"))
    # input (0, 0) is seen by outputs (0, 0), (0, 1), (1, 0), (1, 1) through weights 5, 4, 2, 1
    np.testing.assert_array_equal(
        by_input[0, :, :, 0], [[5 + 4 + 2 + 1, 6 + 5 + 3 + 2], [8 + 7 + 5 + 4, 9 + 8 + 6 + 5]]
    )


def test_max_pool_takes_the_largest_of_each_channel_and_drops_the_rest() -> None:
    """Of 5×5 pixels a 2×2 pool reads 4×4; channels do not mix, negative maxima stay."""
    image = np.arange(25.0).reshape(5, 5)
    both = np.stack([image, -image], axis=-1)[None]
    outputs = max_pool(both, MaxPool(2, 2))
    np.testing.assert_array_equal(outputs[0, :, :, 0], [[6, 8], [16, 18]])
    np.testing.assert_array_equal(outputs[0, :, :, 1], [[0, -2], [-10, -12]])


def test_max_pool_windows_may_overlap() -> None:
    """Size 3, stride 2 on 5×5: windows start at 0 and 2, and the shared centre collects from all four."""
    image = np.zeros((5, 5))
    image[2, 2] = 1
    outputs = max_pool(image[None, :, :, None], MaxPool(3, 2))
    np.testing.assert_array_equal(outputs[0, :, :, 0], [[1, 1], [1, 1]])
    by_input = pool_gradient(image, np.array([[1.0, 10.0], [100.0, 1000.0]]), MaxPool(3, 2))
    np.testing.assert_array_equal(by_input, 1111 * image)


@pytest.mark.parametrize(
    ("window", "winner"),
    [
        ([[5, 5], [5, 5]], (0, 0)),
        ([[1, 5], [5, 5]], (0, 1)),
        ([[1, 2], [5, 5]], (1, 0)),
        ([[-1, -1], [-2, -1]], (0, 0)),
        ([[1, 2], [3, 5]], (1, 1)),
    ],
)
def test_the_first_of_equal_maxima_in_row_major_order_gets_the_gradient(
    window: list[list[float]], winner: tuple[int, int]
) -> None:
    """As in both frameworks."""
    expected = np.zeros((2, 2))
    expected[winner] = 7
    by_input = pool_gradient(np.array(window, np.float64), np.array([[7.0]]), MaxPool(2, 2))
    np.testing.assert_array_equal(by_input, expected)


def test_uniform_logits_cost_the_logarithm_of_ten() -> None:
    """Whatever their common value; the sum over a batch is N times that."""
    logits = np.full((4, 10), 3.7)
    labels = np.array([0, 3, 9, 9])
    assert cross_entropy(logits, labels, "mean") == pytest.approx(np.log(10), rel=1e-15)
    assert cross_entropy(logits, labels, "sum") == pytest.approx(4 * np.log(10), rel=1e-15)


def test_cross_entropy_and_its_gradient_of_known_probabilities() -> None:
    """Logits (log 1, log 3) are probabilities (1/4, 3/4): label 0 costs log 4, label 1 log 4/3."""
    logits, labels = np.log([[1.0, 3.0], [1.0, 3.0]]), np.array([0, 1])
    total = np.log(4) + np.log(4 / 3)
    by_logits = np.array([[-3 / 4, 3 / 4], [1 / 4, -1 / 4]])
    cases: tuple[tuple[Literal["sum", "mean"], int], ...] = (("sum", 1), ("mean", 2))
    for reduction, count in cases:
        assert cross_entropy(logits, labels, reduction) == pytest.approx(total / count, rel=1e-15)
        gradient = cross_entropy_gradient(logits, labels, reduction)
        np.testing.assert_allclose(gradient, by_logits / count, rtol=1e-15)


def test_huge_logits_stay_finite() -> None:
    """A right answer with logit 10,000 costs 0, a wrong one 10,000; the gradients are 0 and ±1."""
    logits = np.zeros((2, 10))
    logits[:, 0] = 10_000
    labels = np.array([0, 1])
    assert cross_entropy(logits[:1], labels[:1], "mean") == 0
    assert cross_entropy(logits, labels, "sum") == 10_000
    gradient = cross_entropy_gradient(logits, labels, "sum")
    np.testing.assert_array_equal(gradient, [[0] * 10, [1, -1, *[0] * 8]])
    assert cross_entropy(-logits, labels, "sum") == pytest.approx(10_000 + 2 * np.log(9), rel=1e-15)
