"""Compares the models of two files: the logits of every test image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compare.errors import UserError

if TYPE_CHECKING:
    from compare.conversion.config import ConvertConfig
    from compare.conversion.stored_models import StoredModel

# Relative to the largest logit, or to 1 if all are smaller. Two float32 models with equal weights differed by
# 4e-7 of it (measured). A wrong layout, activation or padding changes logits by their own size.
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


@dataclass(frozen=True)
class Agreement:
    """A comparison of the logits of the source's model and the target's, both [images, 10]."""

    images: int
    equal_predictions: int
    largest_difference: float
    tolerance: float
    accuracy: float  # of the target's model, as a fraction

    @property
    def holds(self) -> bool:
        return self.largest_difference <= self.tolerance

    def sentence(self) -> str:
        ties = "" if self.equal_predictions == self.images else " (the others are ties within rounding)"
        return (
            f"{self.equal_predictions:,} of {self.images:,} predictions equal{ties} · "
            f"largest difference {self.largest_difference:.1e}, at most {self.tolerance:.1e} allowed · "
            f"accuracy {100 * self.accuracy:.2f} %"
        )


def check_agreement(source: StoredModel, written: StoredModel, config: ConvertConfig) -> Agreement:
    """Raise UserError if a value changed in the conversion, or if the two models give different logits."""
    for name, array in source.weights.items():
        if array.dtype != written.weights[name].dtype or array.tobytes() != written.weights[name].tobytes():
            raise UserError(
                f"{config.target}: {name} is read back with other values than were written.\n"
                "No file was kept. Please report this with both frameworks' versions."
            )
    agreement = agreement_of(source.logits, written.logits, written.labels, dtype_of(source))
    if not agreement.holds:
        raise UserError(
            f"{config.source}: its model's logits differ from LeNet's with the same weights by "
            f"{agreement.largest_difference:.1e} ({agreement.tolerance:.1e} is allowed), and "
            f"{agreement.equal_predictions:,} of {agreement.images:,} predictions are equal.\n"
            "No file was kept. Give the model LeNet's padding, pooling and activations, logits without "
            "softmax, and full precision."
        )
    return agreement


def agreement_of(one: np.ndarray, other: np.ndarray, labels: np.ndarray, dtype: str) -> Agreement:
    """Return the agreement. Predictions may differ if the logits agree, since rounding decides a tie."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    scale = max(1.0, float(np.abs(one).max()))
    predictions = other.argmax(axis=1)
    return Agreement(
        images=len(labels),
        equal_predictions=int((one.argmax(axis=1) == predictions).sum()),
        largest_difference=float(np.abs(one - other).max()),
        tolerance=TOLERANCES[dtype] * scale,
        accuracy=float(np.mean(predictions == labels)),
    )


def dtype_of(model: StoredModel) -> str:
    return next(iter(model.weights.values())).dtype.name
