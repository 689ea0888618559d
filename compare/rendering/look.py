"""Colours and fonts of every chart. One colour a framework, kept apart for the colour-blind.

Orange against indigo differ in hue and in lightness under every common colour blindness, and each has at
least 3:1 against its ground, what WCAG asks of graphics.
"""

from __future__ import annotations

from dataclasses import dataclass

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


@dataclass(frozen=True)
class Look:
    """What a chart is drawn with. `width` is "container" where the page decides it."""

    tf: str
    torch: str
    ink: str
    muted: str
    grid: str
    band: str
    ground: str
    font: str
    width: int | str

    def colour(self, framework: str) -> str:
        return {"tf": self.tf, "torch": self.torch}.get(framework, self.ink)


# The page's style sheet gives these variables their values, so that light, dark and print need no redrawing.
PAGE = Look(
    tf="var(--tf)",
    torch="var(--torch)",
    ink="var(--ink)",
    muted="var(--muted)",
    grid="var(--grid)",
    band="var(--band)",
    ground="var(--ground)",
    font="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    width="container",
)

# For SVG files: plain values, since few viewers of SVG know CSS variables.
PRINT = Look(
    tf="#d9660a",
    torch="#4a4fc4",
    ink="#1c1e21",
    muted="#5f656d",
    grid="#e4e6e9",
    band="#e9ebee",
    ground="#ffffff",
    font="Arial, Helvetica, sans-serif",
    width=680,
)
