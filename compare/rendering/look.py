"""Defines the colours and fonts of every chart: one colour per framework, visible to the colour-blind.

Orange and indigo differ in hue and in lightness under every common colour blindness. Each has a contrast of
at least 3:1 with its background, which WCAG requires of graphics.

A colour is a variable of the page's style sheet, with a default value, so that a chart needs no redrawing
for the light, dark and print schemes. A separate SVG file contains only the values, because few viewers
support variables.
"""

from __future__ import annotations

import re

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

TF = "var(--tf, #d9660a)"
TORCH = "var(--torch, #4a4fc4)"
INK = "var(--ink, #1c1e21)"
MUTED = "var(--muted, #5b616a)"
GRID = "var(--grid, #e6e8eb)"
BAND = "var(--band, #e9ebee)"
BAD = "var(--bad, #a8202a)"
GROUND = "var(--ground, #ffffff)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 680  # pixels, of a static chart; the page's script draws it as wide as the surrounding element


def colour(framework: str) -> str:
    """Return the framework's colour; the text colour if it is neither framework."""
    return {"tf": TF, "torch": TORCH}.get(framework, INK)


def plain(drawing: str) -> str:
    """Return a drawing with each variable replaced by its default value."""
    return re.sub(r"var\(--[a-z]+, (#[0-9a-f]+)\)", r"\1", drawing)
