"""Accuracy and cross-entropy, against values worked out by hand."""

import math

import numpy as np
import pytest

from compare.data.metrics import accuracy, cross_entropy


def test_accuracy_counts_rows_whose_largest_logit_is_the_labels() -> None:
    """Three of four rows are right."""
    logits = np.array([[1, 2, 0], [5, 2, 3], [0, 0, 1], [0, 9, 1]], np.float32)
    assert accuracy(logits, np.array([1, 0, 2, 2])) == 0.75


def test_cross_entropy_of_equal_logits_is_the_log_of_their_number() -> None:
    """With nothing known, ten classes cost log 10."""
    assert cross_entropy(np.zeros((4, 10)), np.arange(4)) == pytest.approx(math.log(10), rel=1e-15)


def test_cross_entropy_of_a_known_row() -> None:
    """-log softmax([1, 2, 3])[0] = log(1 + e + e²)."""
    expected = math.log(1 + math.e + math.e**2)
    assert cross_entropy(np.array([[1.0, 2, 3]]), np.array([0])) == pytest.approx(expected, rel=1e-15)


def test_huge_logits_stay_finite() -> None:
    """exp(1000) overflows; the loss does not."""
    assert cross_entropy(np.array([[1000.0, 0]]), np.array([1])) == 1000
