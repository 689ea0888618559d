"""The arithmetics of a run: what is computed in which, and what the host hands over."""

from __future__ import annotations

from typing import Literal

Dtype = Literal["float32", "float64", "bfloat16"]


def host_dtype(dtype: str) -> str:
    """Of images, masks and weights as NumPy arrays: NumPy has no bfloat16, and weights stay float32."""
    return "float32" if dtype == "bfloat16" else dtype


def arithmetic(dtype: str, tf32: bool = False) -> str:
    """In words, for a headline: what a bare dtype would leave out."""
    if dtype == "bfloat16":
        return "bfloat16 over float32 weights"
    return f"{dtype}, TF32 allowed" if tf32 and dtype == "float32" else dtype
