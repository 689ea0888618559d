"""The parity ladder's rungs as rows of text, from the plain values in results.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADER = ("rung", "verdict", "largest relative error", "tolerance", "tensor")


def rows(parity: Mapping[str, Any] | None) -> list[list[str]]:
    """A row a rung: its name, its verdict, and of its differences the one nearest to its tolerance."""
    made = []
    for rung in (parity or {}).get("rungs") or []:
        if not isinstance(rung, Mapping):
            continue
        worst = max(rung.get("differences") or [{}], key=severity)
        made.append(
            [
                f"{rung.get('number', '')} {rung.get('name', '')}".strip(),
                str(rung.get("verdict", "")),
                number(worst.get("relative")),
                number(worst.get("tolerance")),
                str(worst.get("tensor", "")),
            ]
        )
    return made


def severity(difference: Mapping[str, Any]) -> tuple[bool, float]:
    """A failing difference first, then by its share of the tolerance."""
    relative, tolerance = difference.get("relative"), difference.get("tolerance")
    share = relative / tolerance if relative is not None and tolerance else 0.0
    return not difference.get("passed", True), share


def number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.1e}" if value else "0"
