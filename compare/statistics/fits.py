"""Fits the step time to the batch size: a fixed cost plus a cost per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SIZES = 3  # every pair of points lies on a line: a fit of two proves nothing


@dataclass(frozen=True)
class BatchCost:
    """`seconds ≈ fixed_seconds + seconds_per_image · batch size`.

    `largest_misfit` is the largest |fitted / measured - 1|. If it is large, the cost of an image depends on
    the batch, and the two costs show only the trend.
    """

    fixed_seconds: float
    seconds_per_image: float
    largest_misfit: float

    def seconds(self, batch_size: int) -> float:
        return self.fixed_seconds + self.seconds_per_image * batch_size

    def fixed_share(self, batch_size: int) -> float:
        """Return the fraction of the step at this batch size that does not depend on the batch."""
        whole = self.seconds(batch_size)
        return self.fixed_seconds / whole if whole else 0.0


def batch_cost(batch_sizes: Sequence[int], seconds: Sequence[float]) -> BatchCost | None:
    """Return the fit with the least sum of squared relative errors, neither cost below zero. Both [sizes].

    The errors are relative because a millisecond means much at a batch of 1 and little at 512. Returns None
    for fewer than three sizes. Raises ValueError if the lengths differ, or if a time is not above zero.
    """
    if len(batch_sizes) != len(seconds):
        raise ValueError(f"found {len(batch_sizes)} batch sizes and {len(seconds)} times")
    if any(not time > 0 for time in seconds):
        raise ValueError(f"a step takes more than 0 seconds; found {min(seconds)}")
    if len(set(batch_sizes)) < LEAST_SIZES:
        return None
    import numpy as np
    from scipy.optimize import nnls

    times = np.asarray(seconds, dtype=np.float64)
    columns = np.stack([np.ones(len(times)), np.asarray(batch_sizes, dtype=np.float64)], axis=1)
    (fixed, per_image), _ = nnls(columns / times[:, None], np.ones(len(times)))
    misfit = np.abs(columns @ [fixed, per_image] / times - 1).max()
    return BatchCost(float(fixed), float(per_image), float(misfit))
