"""The divergence chart: how far apart losses are, step by step, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt

from compare.ladder.noise_floor import AGAIN
from compare.records.files import write_atomically
from compare.records.parity import Parity
from compare.rendering.look import PRINT

HTML_NAME, SVG_NAME = "divergence.html", "divergence.svg"
HEIGHT = 340
PAIR_DASH, SELF_DASHES = [1, 0], ([6, 3], [2, 2], [8, 3, 2, 3])


class Series(NamedTuple):
    """`largest`: the largest difference up to each step; None while there was none."""

    name: str
    colour: str
    dash: Sequence[int]
    width: float
    largest: list[float | None]


def write(parity: Parity, directory: Path) -> None:
    """divergence.html, which works offline, and divergence.svg; nothing where there are no two losses."""
    series = list(all_series(parity))
    if not series:
        return
    drawn = chart(series)
    html = drawn.to_html(inline=True, embed_options={"actions": False, "renderer": "svg"}, fullhtml=True)
    html = html.replace("<head>", "<head>\n  <title>Divergence of the losses</title>", 1)
    write_atomically(directory / HTML_NAME, html.encode())
    write_atomically(directory / SVG_NAME, svg(drawn).encode())


def svg(drawn: alt.LayerChart) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(drawn.to_dict()))


def all_series(parity: Parity) -> Iterator[Series]:
    """Each climb's pair, the noise floor's pair, then each framework from itself."""
    for climb in parity.climbs:
        if len(climb.losses) == 2:
            left, right = climb.losses.values()
            dropout = ", dropout" if climb.dropout else ""
            name = f"{climb.labels[0]} and {climb.labels[1]}, {climb.dtype}{dropout}"
            colour = PRINT.muted if climb.dropout else PRINT.ink
            yield Series(name, colour, PAIR_DASH, 2.5, largest_so_far(absolute(left, right)))
    floor = parity.noise_floor
    if floor is None:
        return
    name = f"{floor.labels[0]} and {floor.labels[1]}, {floor.dtype}"
    yield Series(name, "#b3261e", PAIR_DASH, 2.5, largest_so_far(floor.pair_differences))
    changes = list(dict.fromkeys(one.change for one in floor.selves))
    for one in floor.selves:
        if one.change == AGAIN and one.bitwise_equal:
            continue  # nothing to draw on a logarithmic scale
        colour = PRINT.tf if one.label.startswith("tf") else PRINT.torch
        dash = SELF_DASHES[changes.index(one.change) % len(SELF_DASHES)]
        yield Series(
            f"{one.label} itself, {one.change}", colour, dash, 1.8, largest_so_far(one.loss_differences)
        )


def absolute(left: Sequence[float | None], right: Sequence[float | None]) -> list[float | None]:
    return [None if a is None or b is None else abs(a - b) for a, b in zip(left, right, strict=False)]


def largest_so_far(differences: Sequence[float | None]) -> list[float | None]:
    largest, found = 0.0, []
    for difference in differences:
        largest = max(largest, difference or 0.0)
        found.append(largest or None)
    return found


def changes(largest: Sequence[float | None]) -> Iterator[tuple[int, float]]:
    """Where the largest difference grows, and its end: a line of steps needs no more."""
    last = None
    for step, value in enumerate(largest):
        if value is not None and (value != last or step == len(largest) - 1):
            yield step, value
        last = value


def chart(series: Sequence[Series]) -> alt.LayerChart:
    rows: list[dict[str, Any]] = [
        {"step": step, "difference": float(f"{value:.3g}"), "series": one.name}
        for one in series
        for step, value in changes(one.largest)
    ]
    lines = alt.Chart(alt.Data(values=rows)).mark_line(interpolate="step-after").encode(
        alt.X("step:Q", axis=alt.Axis(title="step", tickCount=8), scale=alt.Scale(nice=False)),
        alt.Y(
            "difference:Q",
            axis=alt.Axis(title="largest loss difference so far", format="~e", tickCount=8),
            scale=alt.Scale(type="log", nice=True),
        ),
        tooltip=["series:N", "step:Q", alt.Tooltip("difference:Q", format=".1e")],
        **line_styles(series),
    )  # fmt: skip
    return styled(alt.layer(lines), message(series))


def line_styles(series: Sequence[Series]) -> dict[str, Any]:
    """Colour, dash and width of each series, under one legend."""
    names = [one.name for one in series]
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=620, symbolSize=900)
    return {
        "color": alt.Color(
            "series:N", legend=legend, scale=alt.Scale(domain=names, range=[one.colour for one in series])
        ),
        "strokeDash": alt.StrokeDash(
            "series:N", scale=alt.Scale(domain=names, range=[list(one.dash) for one in series])
        ),
        "strokeWidth": alt.StrokeWidth(
            "series:N", scale=alt.Scale(domain=names, range=[one.width for one in series])
        ),
    }


def styled(layers: alt.LayerChart, description: str) -> alt.LayerChart:
    quiet = {"labelColor": PRINT.muted, "titleColor": PRINT.muted, "titleFontWeight": "normal"}
    return (
        layers.properties(width=PRINT.width, height=HEIGHT, description=description)
        .configure(font=PRINT.font, background=PRINT.ground, padding=12)
        .configure_view(stroke=None)
        .configure_axis(
            **quiet, gridColor=PRINT.grid, domain=False, ticks=False, labelPadding=6, titlePadding=10
        )
        .configure_legend(labelColor=PRINT.ink, labelFontSize=12)
    )


def message(series: Sequence[Series]) -> str:
    """Return what the picture shows, in words."""
    ends = [
        f"{one.name}: {largest:.0e}" if (largest := (one.largest or [None])[-1]) else f"{one.name}: none"
        for one in series
    ]
    return "Largest loss difference by the last step. " + "; ".join(ends)
