"""Defines a run's arithmetic: the dtype that the layers compute in, and the dtype of the host's arrays."""

from __future__ import annotations

from typing import Literal

Dtype = Literal["float32", "float64", "bfloat16"]


def host_dtype(dtype: str) -> str:
    """Return the dtype of NumPy arrays (images, masks, weights): float32 for bfloat16, which NumPy lacks."""
    return "float32" if dtype == "bfloat16" else dtype


def arithmetic(dtype: str, tf32: bool = False) -> str:
    """Describe the arithmetic for a headline, with facts that the dtype alone does not show."""
    if dtype == "bfloat16":
        return "bfloat16 over float32 weights"
    return f"{dtype}, TF32 allowed" if tf32 and dtype == "float32" else dtype
