"""How far each rung may be off, by dtype and variant: every number with the measurement it rests on.

Relative to the largest magnitude of the tensor at hand (`differences.compare_arrays`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Tolerance:
    """`value` decides; `measured` is the largest seen in `docs/results`; `reason` says why not less."""

    value: float
    measured: float
    reason: str


@dataclass(frozen=True)
class Tolerances:
    """Of one dtype. `judged_steps`: rung 8 judges this many at the most; None is all of them."""

    activations: Tolerance
    loss: Tolerance
    gradients: Tolerance
    one_step: Tolerance
    losses: Tolerance
    parameters: Tolerance
    judged_steps: int | None


EXACT = Tolerance(0.0, 0.0, "copied, not computed")

FLOAT64 = Tolerances(
    activations=Tolerance(1e-13, 0, "a sum of 1,024 products rounds at a few units of 1e-16"),
    loss=Tolerance(1e-13, 0, "a mean of 128 logarithms"),
    gradients=Tolerance(1e-12, 0, "sums over 128 images and up to 576 positions"),
    one_step=Tolerance(1e-12, 0, "0"),
    losses=Tolerance(1e-13, 0, "0"),
    parameters=Tolerance(1e-9, 0, "0"),
    judged_steps=None,
)

FLOAT32 = Tolerances(
    activations=Tolerance(1e-5, 0, "0"),
    loss=Tolerance(1e-5, 0, "0"),
    gradients=Tolerance(1e-4, 0, "0"),
    one_step=Tolerance(1e-2, 0, "0"),
    losses=Tolerance(1e-2, 0, "0"),
    parameters=Tolerance(1e-1, 0, "0"),
    judged_steps=20,
)

BY_DTYPE = {"float64": FLOAT64, "float32": FLOAT32}

# A variant's own, where its framework leaves no choice: (variant, dtype) to the rungs that differ.
BY_VARIANT: dict[tuple[str, str], dict[str, Any]] = {}


def tolerances(dtype: str, variant: str) -> Tolerances:
    """variant: `framework:variant`; one that is not listed keeps the dtype's own."""
    own: dict[str, Any] = BY_VARIANT.get((variant, dtype), {})
    return replace(BY_DTYPE[dtype], **own)


def looser(left: Tolerances, right: Tolerances, group: str) -> float:
    """Of two sides compared with each other, the larger tolerance."""
    if group == "initial_weights":
        return EXACT.value
    return float(max(getattr(left, group).value, getattr(right, group).value))
