"""Formats the parity ladder's rungs as rows of text."""

from __future__ import annotations

from compare.records.parity import Rung

HEADER = ("rung", "verdict", "largest relative error", "tolerance", "tensor")


def rows(rungs: list[Rung]) -> list[list[str]]:
    """Return a row per rung: its name, its verdict, and the difference that is nearest to its tolerance."""
    made = []
    for rung in rungs:
        worst = rung.largest
        figures = (
            ["", "", ""] if worst is None else [number(worst.relative), number(worst.tolerance), worst.tensor]
        )
        made.append([f"{rung.number} {rung.name}", rung.verdict, *figures])
    return made


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1e}" if value else "0"
