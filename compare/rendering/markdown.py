"""`report.md`: the page's verdicts, table and charts as Markdown, fit for a pull request or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from compare.records.results import Results
from compare.rendering import facts, tables, verdicts
from compare.rendering.charts.frame import Chart

CHARTS = "charts"  # the directory of the SVG files, beside report.md


def report(results: Results, pictures: Sequence[Chart] = ()) -> str:
    """Return the whole report. `pictures` are shown from `charts/<name>.svg`, each with its message."""
    parts = [
        "# LeNet on MNIST: TensorFlow and PyTorch, side by side",
        escape(facts.conditions(results.config)),
    ]
    parts += failures(results)
    parts += said(results)
    parts.append(table(*tables.verdict_table(results)))
    for chart in pictures:
        parts += [f"### {escape(chart.title)}", image(chart), escape(chart.message)]
    parts += curves(results)
    if results.warnings:
        parts += ["## Warnings", bullets(results.warnings)]
    parts += ["## How it was measured", table(["what", "value"], facts.method(results))]
    parts += ["## Environment", table(["what", "value"], facts.environment(results))]
    return "\n\n".join(parts) + "\n"


def failures(results: Results) -> list[str]:
    lines = verdicts.failures(results)
    return ["**First, what failed**", bullets(lines)] if lines else []


def said(results: Results) -> list[str]:
    """Return the same sentences as at the top of the page."""
    lines = [sentence for sentence, _, _ in verdicts.said(results, verdicts.headlines(results))]
    lines += verdicts.fastest(results)
    if results.parity is not None and results.parity.passed:
        lines.append(f"Parity holds: {results.parity.summary}.")
    return [bullets(lines)] if lines else []


def curves(results: Results) -> list[str]:
    header, rows = tables.curve_table(results, results.config.spec.training.log_interval)
    if not rows:
        return []
    return [f"## Loss and batch accuracy, seed {results.config.first_seed}", table(header, rows)]


def image(chart: Chart) -> str:
    return f"![{escape(chart.title)}]({CHARTS}/{chart.name}.svg)"


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rules = ["---", *(rule(row[column] for row in rows) for column in range(1, len(header)))]
    lines = [header, rules, *rows]
    return "\n".join(
        "| " + " | ".join(cell if line is rules else escape(cell) for cell in line) + " |" for line in lines
    )


def rule(cells: Iterable[str]) -> str:
    """Numbers stand to the right, words to the left."""
    return "---:" if all(re.match(r"[-+−×<≤]?\s?\d|$", cell) for cell in cells) else "---"


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line: no markup, no HTML, no list, no heading."""
    text = " ".join(text.split())
    text = re.sub(r"[\\`*_{}\[\]<>|#~&$!]", r"\\\g<0>", text)
    return re.sub(r"^(\d*)([-+.)])(?=\s)", r"\1\\\2", text)
