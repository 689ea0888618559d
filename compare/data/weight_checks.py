"""Checks the tensors of a weights file, in any layout: names, shapes, one float type, finite values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import takewhile

import numpy as np

from compare.errors import UserError
from lenet_spec import Shape

DTYPES = ("float32", "float64")
SEE = "docs/checkpoints.md lists the tensors of each kind of file."
SHOWN_NAMES = 12


def check_tensors(
    found: Mapping[str, tuple[Shape, str]], expected: Mapping[str, Shape], names: Mapping[str, str]
) -> None:
    """Compare names, shapes and dtypes with `expected`, before any value is read.

    The keys of `found` and `expected` are names in the file. `names` maps canonical names to them.
    Raises UserError, naming the first tensor that is missing, is not LeNet's, or has another shape or dtype.
    """
    for canonical, name in names.items():
        if name not in found:
            raise UserError(
                f"{both(name, canonical)} {list(expected[name])} is missing; the file holds "
                f"{listed(found)}.\n"
                f"Save the weights of a LeNet with these names. {SEE}"
            )
    for name in found:
        if name not in expected:
            raise UserError(
                f"{name} {list(found[name][0])} is not a tensor of LeNet. Its {len(expected)} tensors "
                f"are {', '.join(expected)}.\nSave LeNet's weights alone. {SEE}"
            )
    for canonical, name in names.items():
        check_tensor(both(name, canonical), *found[name], expected[name])
    check_one_dtype({name: dtype for name, (_, dtype) in found.items()})


def listed(names: Collection[str]) -> str:
    """Return the names in the file, and the prefix that all of them share."""
    shown = ", ".join(list(names)[:SHOWN_NAMES]) or "no tensor at all"
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    parts = zip(*(re.split(r"(?<=[./])", name) for name in names), strict=False)
    common = "".join(same[0] for same in takewhile(lambda same: 1 < len(same) == same.count(same[0]), parts))
    return f"{shown}{more}" + (f", all under {common[:-1]}" if common else "")


def both(name: str, canonical: str) -> str:
    """Return a tensor's name in the file, with the canonical name if they differ."""
    return name if name == canonical else f"{name} ({canonical})"


def check_tensor(name: str, shape: Shape, dtype: str, expected: Shape) -> None:
    if dtype not in DTYPES:
        raise UserError(f"{name} is {dtype}; it must be a tensor of float32 or float64.\nSave it as float32.")
    if tuple(shape) != expected:
        raise UserError(
            f"{name} has the shape {list(shape)}; it must have {list(expected)}.\n"
            f"Save the tutorial's LeNet (valid padding, 1024 flat units) in this layout. {SEE}"
        )


def check_one_dtype(dtypes: Mapping[str, str]) -> None:
    first_name, first = next(iter(dtypes.items()))
    for name, dtype in dtypes.items():
        if dtype != first:
            raise UserError(
                f"{first_name} is {first} but {name} is {dtype}; all tensors must have one dtype.\n"
                "Save them all as float32."
            )


def check_finite(weights: Mapping[str, np.ndarray], names: Mapping[str, str]) -> None:
    """Raise UserError for the first of the canonical arrays that holds NaN or infinity.

    `names` maps canonical names to names in the file. The message gives the canonical position.
    """
    for name, array in weights.items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            first = tuple(int(index) for index in bad[0])
            raise UserError(
                f"{both(names[name], name)} holds {len(bad)} of {array.size} values that are not finite, "
                f"first {array[first]} at {list(first)} in this project's layout; every value must be "
                "finite.\nTake a checkpoint from before the training diverged."
            )
