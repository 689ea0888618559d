"""Writes divergence.html and divergence.svg, which show how far the losses of a proof differ."""

from __future__ import annotations

from pathlib import Path

from compare.records.files import write_atomically
from compare.records.parity import Parity
from compare.rendering.charts.divergence import proof_chart
from compare.rendering.look import plain

HTML_NAME, SVG_NAME = "divergence.html", "divergence.svg"


def write(parity: Parity, directory: Path) -> None:
    """Write the page, which works offline, and the picture. Writes nothing without two losses to compare."""
    chart = proof_chart(parity)
    if chart is None:
        return
    options = {"actions": False, "renderer": "svg"}
    html: str = chart.picture.to_html(inline=True, embed_options=options, fullhtml=True)
    html = html.replace("<head>", f"<head>\n  <title>{chart.title}</title>", 1)
    write_atomically(directory / HTML_NAME, html.encode())
    write_atomically(directory / SVG_NAME, plain(chart.drawing).encode())
