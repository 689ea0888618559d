"""Removes the paths of a person or a machine from texts, because results are for sharing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from compare.observation import observe

# An absolute path of two parts or more. The system's own paths name nobody.
PATH = re.compile(
    r"(?<![\w.~/…])/(?!(?:dev|proc|sys|usr|lib|lib64|etc|bin|sbin|opt)/)"
    r"(?:[^\s/'\":;,()<>|]+/)+([^\s/'\":;,()<>|]*)"
)


def without_places(text: str) -> str:
    """Return the text with only the last part of each absolute path.

    The home and the working directory are removed first and as a whole, because their names may hold spaces.
    """
    places = (str(observe(Path.home) or ""), str(observe(Path.cwd) or ""))  # both directories may be missing
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(f"{place}/", "…/")
    text = re.sub(r"…/(?:[^\s/'\":;,()<>|]+/)+", "…/", text)
    return PATH.sub(r"…/\1", text)


def without_paths(value: Any) -> Any:
    """Return plain values with `without_places` applied to every string in them."""
    if isinstance(value, str):
        return without_places(value)
    if isinstance(value, dict):
        return {key: without_paths(one) for key, one in value.items()}
    return [without_paths(one) for one in value] if isinstance(value, list) else value
