"""`report.html`: one file that needs nothing else. Jinja2 escapes every value; no request leaves the page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from compare.records.results import Results
from compare.rendering import facts, ladder_table, source_pairs, variant_table, verdicts
from compare.rendering.charts import charts
from compare.rendering.charts.frame import Chart
from compare.rendering.look import PAGE

ASSETS = Path(__file__).parent / "assets"
TITLE = "LeNet on MNIST: TensorFlow and PyTorch, side by side"
WIDE = ("step-time", "ratio", "batch-size", "threads")  # charts that take the page's full width


@dataclass(frozen=True)
class Link:
    """A file beside the report: its name, and its address relative to the report."""

    name: str
    href: str


def page(
    results: Results,
    files: Sequence[Link] = (),
    extra: dict[str, Any] | None = None,
    template: str = "report.html.jinja",
) -> str:
    """Return the report as HTML. `extra` holds what another template shows besides."""
    values = said(results) | assets(charts(results, PAGE)) | {"files": files} | (extra or {})
    rendered: str = environment().get_template(template).render(values)
    return rendered


def said(results: Results) -> dict[str, Any]:
    """Return what the page tells in words and tables."""
    return {
        "title": TITLE,
        "headline": facts.conditions(results.config),
        "failures": verdicts.failures(results),
        "verdicts": verdicts.said(results, verdicts.headlines(results)),
        "other_verdicts": verdicts.said(results, verdicts.others(results)),
        "fastest": verdicts.fastest(results),
        "parity": results.parity,
        "rungs": ladder_table.rows(results.parity.rungs if results.parity else []),
        "rung_header": ladder_table.HEADER,
        "columns": variant_table.COLUMNS,
        "text_columns": variant_table.TEXT_COLUMNS,
        "rows": variant_table.rows(results),
        "changes": variant_table.changes(results),
        "concepts": source_pairs.rendered(),
        "method": facts.method(results),
        "environment": facts.environment(results),
        "warnings": results.warnings,
    }


def assets(pictures: Sequence[Chart]) -> dict[str, Any]:
    """Return the charts with what draws them: the library only where there is something to draw."""
    script = (ASSETS / "report.js").read_text(encoding="utf-8")
    library = vega_library() if pictures else ""
    return {
        "charts": pictures,
        "wide": WIDE,
        "specs": json_for_script({chart.name: chart.spec() for chart in pictures}),
        "library": safe(library),
        "script": safe(script),
        "style": safe((ASSETS / "report.css").read_text(encoding="utf-8")),
        "policy": content_policy([text for text in (library, script) if text]),
    }


@cache
def environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def safe(text: str) -> Any:
    """Our own style sheet, script and library: nothing in them comes from results."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (ours, as it says above)


def json_for_script(value: Any) -> Any:
    """JSON that no text in it can end the script element with."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return safe(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def vega_library() -> str:
    """Vega, Vega-Lite and vega-embed of the versions that Altair writes for, as one script."""
    import altair as alt
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    library: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return library


def content_policy(scripts: Sequence[str]) -> str:
    """Only these scripts run, nothing is evaluated, nothing is fetched: the browser holds the page to it."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def svg(chart: Chart) -> str:
    """Return a chart drawn with the print look, as an SVG file's text."""
    import altair as alt
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    drawn: str = vl_convert.vegalite_to_svg(chart.spec(), vl_version=version)
    return drawn


def links(directory: Path, start: str = "") -> list[Link]:
    """Return the files of a run for a reader, the results first; `start` leads from the page to them."""
    wanted = [
        path.name
        for pattern in ("results.json", "curves.csv", "report.md", "*.safetensors", "*.log")
        for path in sorted(directory.glob(pattern))
        if path.is_file()
    ]
    return [Link(start + name, quote(start + name)) for name in wanted]
