"""Colours and fonts of every chart. One colour a framework, kept apart for the colour-blind.

Orange against indigo differ in hue and in lightness under every common colour blindness, and each has at
least 3:1 against its ground, what WCAG asks of graphics.

A colour is a variable of the page's style sheet, so that light, dark and print need no redrawing, with the
value that it has where there is no style sheet. A file of its own gets the values alone: few viewers of SVG
know variables.
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
WIDTH = 680  # pixels, of a chart that stands still; the page's script draws it as wide as its place


def colour(framework: str) -> str:
    """Return the framework's colour; ink for another."""
    return {"tf": TF, "torch": TORCH}.get(framework, INK)


def plain(drawing: str) -> str:
    """Return a drawing with each variable's own value in its place."""
    return re.sub(r"var\(--[a-z]+, (#[0-9a-f]+)\)", r"\1", drawing)
