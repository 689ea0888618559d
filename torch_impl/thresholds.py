"""Lists the thresholds of torch's functions. A batch must have a unit on each side to test both forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

# By function: its thresholds, each a number or an argument by name, place and default.
Argument = tuple[str, int, float | None]
THRESHOLDS: Mapping[str, Sequence[float | Argument]] = {
    "relu": (0.0,),
    "relu6": (0.0, 6.0),
    "leaky_relu": (0.0,),
    "elu": (0.0,),
    "selu": (0.0,),
    "celu": (0.0,),
    "hardswish": (-3.0, 3.0),
    "hardsigmoid": (-3.0, 3.0),
    "hardtanh": (("min_val", 1, -1.0), ("max_val", 2, 1.0)),
    "threshold": (("threshold", 1, None),),
    "softplus": (("threshold", 2, 20.0),),
    "clamp": (("min", 1, None), ("max", 2, None)),
    "clip": (("min", 1, None), ("max", 2, None)),
}


def thresholds(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, bool]:
    """Return for each threshold, such as `relu6 at 6`, whether there are units on both sides."""
    name = getattr(function, "__name__", "").rstrip("_")
    units: Any = args[0] if args else kwargs.get("input")
    found: dict[str, bool] = {}
    for one in THRESHOLDS.get(name, ()) if isinstance(units, torch.Tensor) else ():
        limit = one if isinstance(one, float) else argument(one, args, kwargs)
        if isinstance(limit, int | float):
            found[f"{name} at {limit:g}"] = bool((units > limit).any() and (units < limit).any())
    return found


def argument(one: Argument, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    name, place, default = one
    return kwargs.get(name, args[place] if len(args) > place else default)
