"""Defines the tolerances of each rung, by dtype. Each number comes with its measurement.

They are relative to the largest magnitude of the compared tensor (`differences.compare_arrays`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tolerance:
    """A limit. `value` decides; `measured` is the largest error in `docs/results`; `reason` explains it."""

    value: float
    measured: float
    reason: str


Tolerances = Mapping[
    str, Tolerance
]  # by the group of arrays that a rung compares; a group that is absent is not judged

EXACT = Tolerance(0.0, 0.0, "copied, not computed")

# The oracle, TensorFlow and torch add in different orders, so each sum differs by a few units of 1e-16,
# relative to its largest terms. The margins leave room for other machines.
SUMS = "sums of up to 1,024 products, in another order"
ADAM = "Adam divides by |gradient| + 3e-7: if a gradient is near zero, its rounding is divided too"
WHOLE = "small whole numbers over powers of two: no sum on the CPU is rounded"
MOMENTS = "the rounding of gradients, and twice that in their squares"
OWN_STATE = "only the rounding of one update from a side's own moments"
FLOAT64: Tolerances = {
    "initial_weights": EXACT,
    "activations": Tolerance(1e-13, 2.5e-15, SUMS),
    "loss": Tolerance(1e-14, 3.9e-16, "a mean of logarithms: the rounding of activations averages out"),
    "gradients": Tolerance(1e-13, 7.4e-15, "sums over 128 images and up to 576 positions, in another order"),
    "one_step": Tolerance(1e-11, 1.9e-13, ADAM),
    "moments": Tolerance(2e-13, 1.0e-14, MOMENTS),
    "losses": Tolerance(1e-13, 6.5e-15, "over 1,000 steps, relative to the first loss of about 2.3"),
    "parameters": Tolerance(1e-9, 1.3e-11, "after 1,000 steps: the errors of each add up"),
    "evaluation": Tolerance(1e-13, 1.2e-15, SUMS),
    "step_logits": Tolerance(1e-13, 2.8e-15, SUMS),
    "phases": Tolerance(1e-11, 1.1e-13, ADAM),
    "phases_moments": Tolerance(2e-13, 7.0e-15, MOMENTS),
    "stress_activations": Tolerance(1e-13, 0.0, WHOLE),
    "stress_evaluation": Tolerance(1e-13, 0.0, WHOLE),
    "stress_gradients": Tolerance(1e-13, 2.5e-15, "the rounding of a softmax, then that of other gradients"),
    "stress_loss": Tolerance(1e-12, 1.4e-14, "after two steps: their rounding is in the parameters"),
    "stress_logits": Tolerance(1e-12, 2.5e-14, "after two steps: their rounding is in the parameters"),
    "stress_moments": Tolerance(5e-12, 1.0e-13, MOMENTS),
    "stress_steps": Tolerance(5e-10, 6.6e-12, ADAM),
    "size_loss": Tolerance(1e-14, 3.9e-16, "a mean of logarithms"),
    "size_logits": Tolerance(1e-13, 2.8e-15, SUMS),
    "size_gradients": Tolerance(1e-13, 6.2e-15, "sums over up to 512 images, in another order"),
    "size_moments": Tolerance(2e-13, 1.0e-14, MOMENTS),
    "size_step": Tolerance(1e-11, 5.3e-13, ADAM),
    "late_loss": Tolerance(1e-14, 2.4e-16, "a mean of logarithms"),
    "late_logits": Tolerance(1e-13, 1.7e-15, SUMS),
    "late_moments": Tolerance(2e-13, 4.9e-15, MOMENTS),
    "late_parameters": Tolerance(1e-14, 1.9e-16, OWN_STATE),
}

# Rounding can switch a unit that is near zero on or off, or change which value wins in a pool that is near a
# tie. Then the gradient takes another path. So the limits for gradients, and for what follows from them, are
# wide: most batches are a thousand times closer. float64 proves the function; float32 finds a branch that
# computes another function. Parameters after steps of Adam are not judged, because a switched unit moves them
# by a whole step (measured: 0.038 after one step, 0.35 after 20). The moments of these steps are judged, and
# at the end of a launch the update itself.
SUMS32 = "sums of up to 1,024 products at 6e-8 a rounding"
TURNS = "rounding switches a unit near zero, or the winner of a nearly tied pool"
FLOAT32: Tolerances = {
    "initial_weights": EXACT,
    "activations": Tolerance(1e-5, 1.0e-6, SUMS32),
    "loss": Tolerance(1e-6, 1.0e-7, "two units in the last place"),
    "gradients": Tolerance(3e-2, 3.7e-6, TURNS),
    "moments": Tolerance(3e-2, 1.6e-5, TURNS),
    "losses": Tolerance(5e-2, 6.6e-3, "the epsilon of the division shrinks to 1e-8: noise is amplified"),
    "evaluation": Tolerance(1e-2, 6.8e-6, "after a step: its noise is in the parameters"),
    "step_logits": Tolerance(1e-5, 1.2e-6, SUMS32),
    "phases_moments": Tolerance(3e-2, 3.0e-5, TURNS),
    "stress_activations": Tolerance(1e-5, 4.5e-7, SUMS32),
    "stress_evaluation": Tolerance(1e-5, 4.5e-7, SUMS32),
    "stress_gradients": Tolerance(3e-2, 9.5e-7, TURNS),
    "stress_loss": Tolerance(1e-3, 4.6e-5, "after two steps: their noise is in the parameters"),
    "stress_logits": Tolerance(1e-3, 9.2e-6, "after two steps: their noise is in the parameters"),
    "size_loss": Tolerance(1e-6, 1.2e-7, "two units in the last place"),
    "size_logits": Tolerance(1e-5, 1.2e-6, SUMS32),
    "size_gradients": Tolerance(3e-2, 3.0e-3, TURNS),
    "size_moments": Tolerance(3e-2, 3.0e-3, TURNS),
    "late_loss": Tolerance(1e-5, 1.2e-7, SUMS32),
    "late_logits": Tolerance(1e-5, 2.7e-7, SUMS32),
    "late_moments": Tolerance(3e-2, 1.2e-3, TURNS),
    "late_parameters": Tolerance(1e-5, 7.7e-7, OWN_STATE),
}

# Every layer rounds to 8 bits, which can switch a unit near zero, or the winner of a pool that is nearly
# tied, and with it the path of the gradient. The limits still find a gradient that is missing, reversed, or
# of another length. Parameters after Adam's steps are not judged, and neither are gradients of a single
# image, which are not averaged.
EIGHT_BITS = "a chain of layers, each rounded to 8 bits"
FLIPS = "rounding switches units near zero, and the winners of nearly tied pools"
BFLOAT16: Tolerances = {
    "initial_weights": EXACT,
    "activations": Tolerance(5e-2, 5.2e-3, EIGHT_BITS),
    "loss": Tolerance(3e-4, 3.4e-6, "a mean over 32 images"),
    "gradients": Tolerance(0.6, 0.16, FLIPS),
    "moments": Tolerance(0.6, 0.16, FLIPS),
    "losses": Tolerance(5e-2, 1.0e-2, "over 20 steps"),
    "evaluation": Tolerance(0.1, 1.4e-2, "after a step: its noise is in the parameters"),
    "step_logits": Tolerance(5e-2, 5.2e-3, EIGHT_BITS),
    "stress_activations": Tolerance(5e-2, 4.3e-3, EIGHT_BITS),
    "stress_evaluation": Tolerance(5e-2, 4.3e-3, EIGHT_BITS),
    "stress_gradients": Tolerance(0.6, 0.11, FLIPS),
    "stress_loss": Tolerance(0.2, 2.0e-2, "after two steps: their noise is in the parameters"),
    "stress_logits": Tolerance(0.2, 2.5e-2, "after two steps: their noise is in the parameters"),
    "size_loss": Tolerance(5e-3, 1.2e-4, "the loss of a single image: its errors do not average out"),
    "size_logits": Tolerance(5e-2, 6.7e-3, EIGHT_BITS),
    "late_loss": Tolerance(2e-2, 8.3e-4, EIGHT_BITS),
    "late_logits": Tolerance(5e-2, 3.4e-3, EIGHT_BITS),
    "late_moments": Tolerance(0.7, 0.16, FLIPS),
    "late_parameters": Tolerance(1e-5, 3.8e-7, OWN_STATE),
}

BY_DTYPE: dict[str, Tolerances] = {"float64": FLOAT64, "float32": FLOAT32, "bfloat16": BFLOAT16}

CPU_ROUNDING = 1.1e-6  # result of `worker.rounding` for float32 on a CPU, the larger of both frameworks
TF32_ROUNDING = 3.1e-4  # result for products of numbers that are rounded to TF32
SHARE_OF_AN_IMAGE = 1.5  # measured: 1.2 (3.6e-2 in a batch of 32)


def tolerances(
    dtype: str, rounding: float | None = None, *, batch_size: int, sizes: Sequence[int] = ()
) -> Tolerances:
    """Return a dtype's tolerances, wider on a card that rounds more and for batches of few images.

    rounding: the card's rounding (`worker.rounding`), None on a CPU. sizes: the batch sizes of rung 13.
    """
    found = for_rounding(dtype, rounding)
    return {group: for_images(one, batches_of(group, batch_size, sizes)) for group, one in found.items()}


def batches_of(group: str, batch_size: int, sizes: Sequence[int]) -> int | None:
    """Return the size of a group's smallest batch; None for stress, in which rounding switches no unit."""
    if group.startswith("stress"):
        return None
    return min(sizes) if sizes and group.startswith("size") else batch_size


def for_images(one: Tolerance, images: int | None) -> Tolerance:
    """Widen a tolerance for a small batch: one switched unit changes a gradient by its image's share."""
    if images is None or one.reason not in (TURNS, FLIPS):
        return one
    return replace(one, value=max(one.value, SHARE_OF_AN_IMAGE / images))


def for_rounding(dtype: str, rounding: float | None) -> Tolerances:
    """Return a dtype's tolerances; in float32 wider on a card that rounds more than a CPU does.

    Interpolate between float32's and bfloat16's tolerances, on a logarithmic scale, as the card's rounding is
    between a CPU's and TF32's. The errors measured in TF32 need bfloat16's: as many units switch.
    """
    own = BY_DTYPE[dtype]
    if dtype != "float32" or rounding is None or not rounding > CPU_ROUNDING:
        return own
    share = min(1.0, math.log(rounding / CPU_ROUNDING) / math.log(TF32_ROUNDING / CPU_ROUNDING))
    return {
        group: replace(one, value=one.value ** (1 - share) * max(one.value, widest(group)) ** share)
        for group, one in own.items()
    }


def widest(group: str) -> float:
    """Return bfloat16's tolerance of a group; if it has none, that of the same kind of array."""
    kind = group if group in BFLOAT16 else "late_moments" if "moments" in group else "gradients"
    return BFLOAT16[kind].value


# For a trained model in another form. If exported weights are wrong by 1e-4, the logits are wrong by 3e-4.
INFERENCE = {
    "float64": Tolerance(1e-13, 1.2e-15, SUMS),
    "float32": Tolerance(1e-5, 9.3e-7, SUMS32),
}

# How much the mean losses of 50 steps may differ between two launches of a seed, as a fraction of their mean.
CURVES = Tolerance(0.25, 0.054, "the largest of three seeds of 1,000 steps; late losses scatter")

# Rung 8 judges at most this many steps: in float32 only those before rounding noise has grown.
JUDGED_STEPS = {"float32": 20, "bfloat16": 20}


def judged_steps(steps: int, dtype: str) -> int:
    """Return how many of the first steps rung 8 judges."""
    return min(steps, JUDGED_STEPS.get(dtype, steps))


def together(own: Tolerances, other: Tolerances, group: str) -> float | None:
    """Return the tolerance of two sides compared with each other: the sum of both. None: do not judge."""
    return own[group].value + other[group].value if group in own and group in other else None
