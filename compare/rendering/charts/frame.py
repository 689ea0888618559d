"""Holds what all charts share: size, theme, text alternative, and rows with labels above them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt

from compare.rendering import look
from compare.rendering.look import DASHES, SHAPES

LABEL_HEIGHT = 20


@dataclass(frozen=True)
class Chart:
    """A chart. `name` is its id and file name. `message` describes the picture in words and numbers.

    `numbers` holds all values by name, for readers who cannot see the picture or want to copy a value.
    """

    name: str
    title: str
    message: str
    picture: alt.LayerChart
    numbers: Sequence[tuple[str, str]] = ()

    def spec(self, width: int | str = look.WIDTH) -> dict[str, Any]:
        """Return the chart as Vega-Lite. width: pixels, or "container" to fill its element."""
        # validation takes seconds, so a test validates every kind of chart instead
        spec: dict[str, Any] = self.picture.properties(width=width, description=self.message).to_dict(
            validate=False
        )
        return spec

    @cached_property
    def drawing(self) -> str:
        """Return the chart as static SVG with the page's colour variables. `look.plain` resolves them."""
        import vl_convert

        version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
        drawn: str = vl_convert.vegalite_to_svg(self.spec(), vl_version=version)
        return drawn


def framed(layers: Sequence[alt.Chart], height: int) -> alt.LayerChart:
    """Return the layers in the common theme: a thin grid, no frame, text in the page's text colour."""
    quiet = {"labelColor": look.MUTED, "titleColor": look.MUTED, "titleFontWeight": "normal"}
    return (
        alt.layer(*layers)
        .properties(
            width=look.WIDTH, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
        )
        .configure(font=look.FONT, background=look.GROUND, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            **quiet,
            gridColor=look.GRID,
            domain=False,
            ticks=False,
            labelPadding=6,
            titlePadding=10,
            labelFontSize=11,
            titleFontSize=12,
        )
        .configure_legend(**quiet, labelFontSize=12, symbolStrokeWidth=2.5, labelLimit=260)
        .configure_text(color=look.INK, fontSize=12)
    )


def y_pixels(height: int) -> alt.Y:
    """Return a vertical position in pixels from the top."""
    return alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[height, 0], nice=False, zero=False))


def row_labels(rows: Sequence[dict[str, Any]], height: int) -> list[alt.Chart]:
    """Draw for each row its `title` at the left, its `value` at the right, and a thin line between rows.

    rows: y, title, value. The texts are above the row's marks.
    """
    base = alt.Chart(alt.Data(values=list(rows))).encode(y=y_pixels(height))
    lines = [{"y": row["y"] - LABEL_HEIGHT / 2} for row in rows[1:]]
    layers = [values(lines).mark_rule(color=look.GRID).encode(y=y_pixels(height))]
    halo = {"stroke": look.GROUND, "strokeWidth": 4, "strokeJoin": "round"}
    for style in (halo, {}):  # draws the text over its own halo, so that no line crosses it
        left = base.mark_text(align="left", baseline="middle", fontWeight=600, **style)
        right = base.mark_text(align="right", baseline="middle", **style)
        layers += [
            left.encode(x=alt.value(0), text="title:N"),
            right.encode(x=alt.value("width"), text="value:N"),
        ]
    return layers


def all_or_extremes(rows: Sequence[tuple[str, str, float]]) -> str:
    """Return each title with its value if there are at most three, else the smallest and the largest."""
    if len(rows) <= 3:
        return "; ".join(f"{title} {value}" for title, value, _ in rows)
    low, high = min(rows, key=lambda row: row[2]), max(rows, key=lambda row: row[2])
    return f"from {low[1]} ({low[0]}) to {high[1]} ({high[0]})"


def decades(values: Sequence[float], steps: Sequence[int] = (1,)) -> list[float]:
    """Return ticks for a logarithmic axis: `steps` times each power of ten within the range of the values."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def values(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(rows)))


def framework_colour() -> alt.Color:
    return alt.Color(
        "framework:N",
        scale=alt.Scale(domain=["tf", "torch"], range=[look.TF, look.TORCH]),
        legend=None,
    )


def styles(labels: Sequence[tuple[str, str]]) -> tuple[list[list[int]], list[str]]:
    """Return a dash and a shape for each (title, framework), by its position among its framework's titles."""
    seen: dict[str, int] = {}
    dashes, shapes = [], []
    for _, framework in labels:
        place = seen.get(framework, 0)
        seen[framework] = place + 1
        # the second framework starts dashed, so that both of two identical curves are visible
        dashes.append(DASHES[(place + (framework == "torch")) % len(DASHES)])
        shapes.append(SHAPES[(place + (framework == "torch")) % len(SHAPES)])
    return dashes, shapes


def slug(text: str) -> str:
    """Return text as a part of an id or a file name."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-") or "device"
