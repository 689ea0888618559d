"""How far each rung may be off, by dtype: every number with the measurement it rests on.

Relative to the largest magnitude of the tensor at hand (`differences.compare_arrays`).
"""

from __future__ import annotations

from dataclasses import dataclass


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
    parameters: Tolerance | None  # None: not judged
    judged_steps: int | None


EXACT = Tolerance(0.0, 0.0, "copied, not computed")

# The oracle adds in another order than the frameworks, and so do TensorFlow's and torch's kernels: each sum
# is off by a few units of 1e-16, relative to its largest terms. The margins leave room for other machines.
FLOAT64 = Tolerances(
    activations=Tolerance(1e-13, 2.5e-15, "sums of up to 1,024 products, in another order"),
    loss=Tolerance(1e-14, 2e-16, "a mean of 128 logarithms: the rounding of activations averages out"),
    gradients=Tolerance(1e-13, 7.4e-15, "sums over 128 images and up to 576 positions, in another order"),
    one_step=Tolerance(
        1e-11,
        1.9e-13,
        "Adam divides by |gradient| + 3e-7: if a gradient is near zero, its error of 1e-17 is divided too",
    ),
    losses=Tolerance(1e-13, 6.5e-15, "over 1,000 steps, relative to the first loss of about 2.3"),
    parameters=Tolerance(1e-9, 1.3e-11, "after 1,000 steps: the errors of each add up"),
    judged_steps=None,
)

FLOAT32 = Tolerances(
    activations=Tolerance(1e-5, 1.0e-6, "sums of up to 1,024 products at 6e-8 a rounding"),
    loss=Tolerance(1e-6, 1.0e-7, "two units in the last place"),
    gradients=Tolerance(5e-5, 3.7e-6, "sums of up to 73,728 terms of either sign"),
    one_step=Tolerance(
        5e-4,
        4.3e-5,
        "a step of 1e-3 is off by up to 2e-6: Adam divides by |gradient| + 3e-7, where noise of 1e-9 counts",
    ),
    losses=Tolerance(5e-3, 1.3e-3, "the epsilon of the division shrinks to 1e-8, and the noise is amplified"),
    parameters=None,  # units whose gradient is noise move by whole steps: 0.35 was measured after 20
    judged_steps=20,
)

BY_DTYPE = {"float64": FLOAT64, "float32": FLOAT32}


def looser(left: Tolerances, right: Tolerances, group: str) -> float | None:
    """Of two sides compared with each other, the larger tolerance; None where one is not to be judged."""
    if group == "initial_weights":
        return EXACT.value
    own: list[Tolerance | None] = [getattr(left, group), getattr(right, group)]
    values = [one.value for one in own if one is not None]
    return max(values) if len(values) == 2 else None
