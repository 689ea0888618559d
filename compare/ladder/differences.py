"""Measures how far two sides' named tensors differ. Pure functions of NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from compare.records.parity import Difference
from lenet_spec import Shape

Arrays = Mapping[str, np.ndarray]
MISSING = "{} has none"


def compare_arrays(left: str, lefts: Arrays, right: str, rights: Arrays, tolerance: float) -> Difference:
    """Return the tensor with the largest relative error, and the first in `rights`' order that fails.

    Errors are relative to the tensor's largest magnitude on either side, so an element near zero is judged
    by its tensor's scale. A missing tensor, another shape and a NaN fail at any tolerance.
    """
    worst = Difference(left, right, "", 0.0, 0.0, tolerance, passed=True)
    first_failing: tuple[str, str | None] | None = None
    for name in [*rights, *(name for name in lefts if name not in rights)]:
        figures = compare_named(name, left, lefts, right, rights)
        failed = figures.relative is None or figures.relative > tolerance
        if failed and first_failing is None:
            first_failing = name, figures.detail
        if not worst.tensor or sortable(figures.relative) > sortable(worst.relative):
            worst.tensor, worst.max_abs, worst.relative = name, figures.max_abs, figures.relative
    if first_failing is not None:
        worst.passed = False
        worst.first_failing, worst.detail = first_failing
    return worst


def sortable(relative: float | None) -> float:
    return math.inf if relative is None else relative


class Figures:
    """One tensor's error; if it cannot be computed, `relative` is None and `detail` says why."""

    def __init__(
        self, max_abs: float | None = None, relative: float | None = None, detail: str | None = None
    ) -> None:
        self.max_abs, self.relative, self.detail = max_abs, relative, detail


def compare_named(name: str, left: str, lefts: Arrays, right: str, rights: Arrays) -> Figures:
    """Compare the two sides' tensors of one name. If a side has no such tensor, name the side."""
    for label, arrays in ((left, lefts), (right, rights)):
        if name not in arrays:
            return Figures(detail=MISSING.format(label))
    return compare_tensor(lefts[name], rights[name])


def compare_tensor(left: np.ndarray, right: np.ndarray) -> Figures:
    if left.shape != right.shape:
        return Figures(detail=f"its shape is {list(left.shape)} against {list(right.shape)}")
    if left.size == 0:
        return Figures(0.0, 0.0)
    wide_left, wide_right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    max_abs = largest(wide_left - wide_right)
    if not math.isfinite(max_abs):
        return Figures(detail="it is not finite")
    scale = max(largest(wide_left), largest(wide_right))
    return Figures(max_abs, max_abs / scale if scale else 0.0)


def largest(array: np.ndarray) -> float:
    """Return the largest magnitude, without a copy; NaN if there is one."""
    return max(float(array.max()), -float(array.min()))


def compare_shapes(label: str, shapes: Mapping[str, Shape], expected: Mapping[str, Shape]) -> Difference:
    """Compare parameter names, shapes and count with the spec's."""
    for name, shape in expected.items():
        if name not in shapes:
            extra = [other for other in shapes if other not in expected]
            other = f"; it has {', '.join(extra)} instead" if extra else ""
            return named_difference(label, "spec", name, f"it has no parameter {name}{other}")
        if tuple(shapes[name]) != tuple(shape):
            there = f"{name} is {list(shapes[name])}, in the spec {list(shape)}"
            return named_difference(label, "spec", name, there)
    for name in shapes:
        if name not in expected:
            return named_difference(label, "spec", name, f"it has a parameter {name} that the spec does not")
    return Difference(label, "spec", f"{len(expected)} tensors", None, None, 0.0, passed=True)


def compare_digests(
    label: str,
    digests: Mapping[str, list[str]],
    first: Mapping[str, str],
    expected: Mapping[str, list[str]],
    expected_first: Mapping[str, str],
) -> Difference:
    """Compare every array of every batch with the shared stream. Name the first batch that differs."""
    steps = max(len(column) for column in expected.values())
    for step in range(steps):
        for name, column in expected.items():
            own = digests.get(name, [])
            if step < len(own) and own[step] == column[step]:
                continue
            detail = f"the {name} of batch {step} are not the shared ones"
            if step == 0:
                detail += f": {first.get(name)}; shared: {expected_first.get(name)}"
            return named_difference(label, "spec", f"batch {step} {name}", detail)
    return Difference(label, "spec", f"{steps:,} batches", None, None, 0.0, passed=True)


def named_difference(label: str, other: str, tensor: str, detail: str) -> Difference:
    return Difference(
        label, other, tensor, None, None, 0.0, passed=False, first_failing=tensor, detail=detail
    )
