"""Writes `report.html`, one file without external resources. Jinja2 escapes every value."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from compare.findings.findings import Findings
from compare.findings.machines import AcrossMachines
from compare.records.files import replace
from compare.rendering import (
    facts,
    job,
    ladder_table,
    machines,
    side_by_side,
    source_pairs,
    variant_table,
    verdicts,
)
from compare.rendering.repeat import command

if TYPE_CHECKING:
    from compare.rendering.charts.frame import Chart  # Altair takes a third of a second to import

ASSETS = Path(__file__).parent / "assets"
WIDE = ("step-time", "ratio", "machines", "batch-size", "threads")  # charts that use the page's full width


@dataclass(frozen=True)
class Link:
    """A file next to the report: its name, and its address relative to the report."""

    name: str
    href: str


def page(
    found: Sequence[Findings],
    pictures: Sequence[Chart],
    files: Sequence[Link] = (),
    places: Mapping[str, str] | None = None,
) -> str:
    """Return the report of one run, or of two, as HTML; places: the path of each of two runs, by its name."""
    values = contents(found) | assets(pictures) | {"files": files}
    if places:
        values |= beside(found, places)
    template = "two_runs.html.jinja" if places else "report.html.jinja"
    rendered: str = environment().get_template(template).render(values)
    return rendered


def machines_page(
    compared: Sequence[AcrossMachines],
    found: Mapping[str, Findings],
    differences: Sequence[str],
    pictures: Sequence[Chart],
    files: Sequence[Link],
) -> str:
    """Return the report of several machines as HTML; found: by the machine's name."""
    several = list(found.values())
    own = contents(several) | assets(pictures)
    own |= {
        "verdicts": machines.headlines(compared),
        "other_verdicts": [],
        "concepts": [],
        "machine_names": list(found),
        "merged_differences": differences,
        "conditions": side_by_side.conditions(several),
        "files": files,
    }
    template = environment().get_template("machines.html.jinja")
    rendered: str = template.render(own | machines.page_values(compared, found))
    return rendered


def contents(found: Sequence[Findings]) -> dict[str, Any]:
    """Return the page's texts and tables."""
    one = found[0] if len(found) == 1 else None
    rows = variant_table.rows(found)
    rungs = one.parity.rungs if one is not None and one.parity is not None else []
    return {
        "title": facts.title(found),
        "headline": facts.all_conditions(found),
        "notices": verdicts.written_otherwise(found),
        "failures": verdicts.failures(found),
        "verdicts": verdicts.headlines(found),
        "other_verdicts": verdicts.others(found),
        "fastest": [*verdicts.fastest(found), *job.answers(found)],
        "job": job.tables(found),
        "checks": verdicts.checks(found),
        "rules": verdicts.rules(),
        "rungs": ladder_table.rows(rungs),
        "rung_header": ladder_table.HEADER,
        "columns": variant_table.columns(rows),
        "text_columns": variant_table.TEXT_COLUMNS,
        "rows": rows,
        "changes": variant_table.changes(found),
        "concepts": [] if any(each.results.config.task for each in found) else source_pairs.rendered(),
        "method": facts.method(one) if one else [],
        "command": command(one.results.config) if one else "",
        "environment": facts.environment(one.results) if one else [],
        "warnings": verdicts.warnings(found),
    }


def beside(found: Sequence[Findings], places: Mapping[str, str]) -> dict[str, Any]:
    """Return the additional content of a page about two runs."""
    rows, conditions = side_by_side.beside(found), side_by_side.conditions(found)
    return {
        "places": places,
        "beside": [row.cells() for row in rows],
        "beside_header": side_by_side.HEADER,
        "conditions": conditions,
        "why_losses_differ": side_by_side.why_losses_differ(rows, conditions),
    }


def assets(pictures: Sequence[Chart]) -> dict[str, Any]:
    """Return the charts and the code that draws them. The library is omitted if there is no chart."""
    script = (ASSETS / "report.js").read_text(encoding="utf-8")
    library = vega_library() if pictures else ""
    return {
        "charts": pictures,
        "wide": WIDE,
        "drawings": {chart.name: safe(chart.drawing) for chart in pictures},
        "specs": json_for_script({chart.name: chart.spec("container") for chart in pictures}),
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
    """Mark text as safe HTML. Use it only for our own style sheet, script and library, not for results."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (ours, as it says above)


def json_for_script(value: Any) -> Any:
    """Return JSON whose texts cannot end the script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return safe(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def vega_library() -> str:
    """Return Vega, Vega-Lite and vega-embed, in the versions that Altair writes for, as one script."""
    import altair as alt
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]

    def bundle() -> str:
        library: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
        return library

    name = f"vega-lite-{version}-vl-convert-{metadata.version('vl-convert-python')}.js"
    return kept(name, bundle)


def kept(name: str, make: Callable[[], str]) -> str:
    """Return the text that the virtual environment stores under this name, or make and store it.

    Use it for text that takes seconds to make and never changes. Without a virtual environment, or without
    the right to write to it, the text is made each time.
    """
    if sys.prefix == sys.base_prefix:
        return make()
    path = Path(sys.prefix) / "cache" / name
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    text = make()
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        replace(path, text.encode())
    return text


def content_policy(scripts: Sequence[str]) -> str:
    """Return the page's content security policy: only these scripts run; nothing is loaded or evaluated."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def links(directory: Path, start: str = "") -> list[Link]:
    """Return a run's files for a reader, the results first; `start` is the path from the page to them."""
    wanted = [
        path.name
        for pattern in ("results.json", "curves.csv", "report.md", "*.safetensors", "*.log")
        for path in sorted(directory.glob(pattern))
        if path.is_file()
    ]
    return [Link(start + name, quote(start + name)) for name in wanted]
