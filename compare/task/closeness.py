"""Decides how close two sides' tensors must be, from each side's own rounding: no tolerance is set by hand.

Each side answers twice, the second time with weights moved by one unit in the last place. The change of its
answer measures its rounding. The two sides may differ by a few hundred times this rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from compare.ladder.tolerances import FLOAT32, SHARE_OF_AN_IMAGE
from compare.protocol.task_messages import Tensor

Arrays = Mapping[Tensor, np.ndarray]


@dataclass(frozen=True)
class Limits:
    """Limits relative to the tensor's largest magnitude. least: for tensors that the move does not change.

    most: real mistakes between public pairs start at 8e-9 (an epsilon of 1.001e-5 for 1e-5).
    """

    factor: float
    least: float
    most: float
    may_diverge: bool = False  # whether tensors may hold infinite values or NaN, if both sides hold some


LIMITS = {"float64": Limits(500, 1e-11, 1e-9), "float32": Limits(500, 2e-5, 1e-2)}

# Training amplifies rounding. Earlier rungs catch the mistakes that these limits may hide.
STEPS = {"float64": Limits(500, 1e-11, 1e-6), "float32": Limits(500, FLOAT32["losses"].value, 0.5)}
LATER = {dtype: replace(limits, may_diverge=True) for dtype, limits in STEPS.items()}  # after several steps


def of_gradients(limits: Limits, dtype: str, examples: int) -> Limits:
    """Widen limits in float32 for gradients and what follows from them.

    Rounding switches a unit near zero, or the winner of a nearly tied pool, on one side only. The gradient
    then changes by up to the share of its example in the batch. Moving the weights once may not show this.
    """
    if dtype == "float64":
        return limits
    floor = max(FLOAT32["gradients"].value, SHARE_OF_AN_IMAGE / max(examples, 1))
    most = max(STEPS[dtype].most, floor)  # some networks amplify rounding as training does
    return replace(limits, least=max(limits.least, floor), most=most)


FEW_UNITS = 4  # the rounding of a difference of two rounded weights
ZERO = 100  # a tensor counts as zero if it is smaller than this factor times its own movement


@dataclass
class Found:
    """The comparison of one tensor. relative: None if it cannot be computed; `detail` then says why."""

    tensor: Tensor
    relative: float | None
    tolerance: float
    zero: bool = False  # zero within rounding on both sides, and judged by the group's scale
    diverged: bool = False  # it holds values that are not finite, and only the others are compared
    moved: float = 0.0  # relative movement of a side's own values, beyond the rounding of the weights
    detail: str | None = None
    index: tuple[int, ...] = ()
    values: tuple[float, float] = (0.0, 0.0)

    @property
    def passed(self) -> bool:
        return self.relative is not None and self.relative <= self.tolerance


@dataclass
class Comparison:
    """The comparisons of several tensors, in order of computation."""

    found: list[Found] = field(default_factory=list)

    @property
    def first_failing(self) -> Found | None:
        return next((one for one in self.found if not one.passed), None)

    @property
    def worst(self) -> Found | None:
        return max(self.found, key=severity, default=None)

    @property
    def zeros(self) -> list[Tensor]:
        return [one.tensor for one in self.found if one.zero]


def severity(one: Found) -> float:
    return float("inf") if one.relative is None else one.relative / one.tolerance


def compare(
    lefts: Arrays,
    rights: Arrays,
    moved: tuple[Arrays, Arrays],
    limits: Limits,
    *,
    order: Sequence[Tensor] | None = None,
    rounding: Mapping[Tensor, float] | None = None,
) -> Comparison:
    """Compare tensor by tensor. moved: the same sides' answers with weights moved by one unit.

    rounding: the absolute rounding of the weights, if the arrays are changes of weights: a small change has
    few correct digits.
    """
    names = [one for one in (order or lefts) if one in lefts or one in rights]
    if limits.may_diverge and not (has_diverged(lefts) and has_diverged(rights)):
        limits = replace(limits, may_diverge=False)
    scale = max((largest(side[name]) for side in (lefts, rights) for name in side), default=0.0)
    return Comparison(
        [
            compared(
                name,
                (lefts.get(name), rights.get(name)),
                ([one.get(name) for one in moved], (rounding or {}).get(name, 0.0)),
                scale,
                limits,
            )
            for name in names
        ]
    )


def has_diverged(arrays: Arrays) -> bool:
    return any(not np.isfinite(one).all() for one in arrays.values())


def compared(
    tensor: Tensor,
    pair: tuple[np.ndarray | None, np.ndarray | None],
    noise: tuple[Sequence[np.ndarray | None], float],
    group_scale: float,
    limits: Limits,
) -> Found:
    left, right = pair
    if left is None or right is None:
        return Found(tensor, None, limits.least, detail=f"{'torch' if left is not None else 'tf'} has none")
    if left.shape != right.shape:
        shapes = f"its shape is {list(left.shape)} in tf and {list(right.shape)} in torch"
        return Found(tensor, None, limits.least, detail=shapes)
    if left.size == 0 or (left.dtype.kind in "iub" and np.array_equal(left, right)):
        return Found(tensor, 0.0, limits.least)
    sides = [name for name, one in (("tf", left), ("torch", right)) if not np.isfinite(one).all()]
    if sides and not limits.may_diverge:
        return Found(tensor, None, limits.least, detail=f"it is not finite in {' and '.join(sides)}")
    if sides:
        finite = np.isfinite(left) & np.isfinite(right)
        left, right = (np.where(finite, one, 0) for one in (left, right))
    apart = np.abs(left.astype(np.float64) - right.astype(np.float64))
    moved, rounding = noise
    movements = [rounding, *(movement(*one) for one in zip(pair, moved, strict=True))]
    magnitude = max(largest(left), largest(right))
    zero = 0 < magnitude < ZERO * max(movements)
    scale = group_scale if zero else magnitude
    own = limits.factor * max(movements) / scale if scale else 0.0
    tolerance = min(max(own, limits.least), limits.most)
    index = tuple(int(one) for one in np.unravel_index(int(np.argmax(apart)), apart.shape))
    values = float(left[index]), float(right[index])
    relative = float(apart.max()) / scale if scale else 0.0
    beyond = max(max(movements) - FEW_UNITS * rounding, 0.0) / scale if scale else 0.0
    return Found(tensor, relative, tolerance, zero, bool(sides), beyond, None, index, values)


def movement(array: np.ndarray | None, other: np.ndarray | None) -> float:
    if array is None or other is None or array.shape != other.shape or array.size == 0:
        return 0.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(array.astype(np.float64) - other.astype(np.float64))
    return float(apart.max()) if np.isfinite(apart).all() else 0.0


def largest(array: np.ndarray) -> float:
    if array.size == 0:
        return 0.0
    found = float(np.max(np.abs(array.astype(np.float64))))
    return found if np.isfinite(found) else 0.0


AXES = {4: ("image", "row", "column", "channel"), 3: ("sequence", "step", "unit"), 2: ("row", "unit")}


def pattern(left: np.ndarray, right: np.ndarray, tolerance: float) -> str | None:
    """Return, in words, what the differing elements have in common."""
    if left.shape != right.shape or left.size == 0:
        return None
    apart = np.abs(left.astype(np.float64) - right.astype(np.float64))
    scale = max(largest(left), largest(right))
    wrong = apart > tolerance * scale
    if not wrong.any():
        return None
    if scale and np.allclose(np.sort(left, axis=None), np.sort(right, axis=None), rtol=0, atol=1e-9 * scale):
        return "both sides hold the same values in another order"
    ratio = constant_ratio(left, right)
    if ratio is not None and abs(ratio - 1) > 1e-6:
        return f"tf is {ratio:.6g} times torch everywhere"
    names = AXES.get(left.ndim, ())
    for axis, name in list(enumerate(names))[1:]:
        places = np.flatnonzero(wrong.any(axis=tuple(a for a in range(left.ndim) if a != axis)))
        end = left.shape[axis] - 1
        if end > 0 and set(places) <= {0, end}:
            where = "first and last" if len(places) == 2 else "last" if places[0] == end else "first"
            return f"only the {where} {name}{'s' if len(places) == 2 else ''} differ"
    return None


def constant_ratio(left: np.ndarray, right: np.ndarray) -> float | None:
    """Return the factor between both arrays, if it is the same for all elements."""
    where = np.abs(right) > 1e-6 * max(largest(right), 1e-300)
    if where.sum() < 2:
        return None
    ratios = left[where] / right[where]
    middle = float(np.median(ratios))
    return middle if middle and np.all(np.abs(ratios - middle) <= 1e-7 * abs(middle)) else None
