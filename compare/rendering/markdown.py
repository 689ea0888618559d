"""Writes `report.md`: the page's verdicts, tables and charts in Markdown, for a pull request or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from compare.findings.findings import Findings
from compare.findings.machines import AcrossMachines
from compare.rendering import facts, job, machines, side_by_side, tables, variant_table, verdicts
from compare.rendering.repeat import command

if TYPE_CHECKING:
    from compare.rendering.charts.frame import Chart  # Altair takes a third of a second to import

CHARTS = "charts"  # the directory of the SVG files, next to report.md


def report(
    found: Sequence[Findings], pictures: Sequence[Chart] = (), places: Mapping[str, str] | None = None
) -> str:
    """Return the whole report of one run, or of two; places: the path of each of two runs, by its name.

    Shows `pictures` from `charts/<name>.svg`, each with its message.
    """
    parts = [f"# {escape(facts.title(found))}", escape(facts.all_conditions(found))]
    parts += first_lines(found)
    parts += beside(found, places) if places else []
    parts.append(table(*variant_table.summary(found)))
    for extra in job.tables(found):
        parts += [f"## {escape(extra.title)}", escape(extra.note), table(extra.header, extra.rows)]
        parts += [bullets(extra.more)] if extra.more else []
    for chart in pictures:
        parts += [f"### {escape(chart.title)}", image(chart), escape(chart.message)]
    if len(found) == 1:
        parts += curves(found[0])
    if warnings := verdicts.warnings(found):
        parts += ["## Warnings", bullets(warnings)]
    return "\n\n".join([*parts, *conditions(found)]) + "\n"


def machines_report(
    compared: Sequence[AcrossMachines],
    found: Mapping[str, Findings],
    differences: Sequence[str],
    pictures: Sequence[Chart],
) -> str:
    """Return the report of several machines; found: by the machine's name."""
    several = list(found.values())
    parts = [f"# {escape(facts.title(several))}", escape(facts.all_conditions(several))]
    if failed := verdicts.failures(several):
        parts += ["**First, what failed**", bullets(failed)]
    parts.append(bullets(one.sentence for one in machines.headlines(compared)))
    if differences:
        parts += ["**What differs between the runs**", bullets(differences)]
    for one in compared:
        parts += [f"## {escape(machines.title(one))}", escape(machines.verdict(one).sentence)]
        parts.append(table(machines.header(one), machines.table(one, found)))
    for chart in pictures:
        parts += [f"### {escape(chart.title)}", image(chart), escape(chart.message)]
    if warned := verdicts.warnings(several):
        parts += ["## Warnings", bullets(warned)]
    rows = [[one.name, *one.values] for one in side_by_side.conditions(several)]
    return "\n\n".join([*parts, "## Where it was measured", table(["what", *found], rows)]) + "\n"


def first_lines(found: Sequence[Findings]) -> list[str]:
    """Return the sentences at the top of the page."""
    parts = [f"**{escape(sentence)}**" for sentence in verdicts.written_otherwise(found)]
    if failed := verdicts.failures(found):
        parts += ["**First, what failed**", bullets(failed)]
    lines = [one.sentence for one in verdicts.headlines(found)]
    lines += [*verdicts.fastest(found), *job.answers(found)]
    lines += [" ".join(line) for line in verdicts.checks(found)]
    return [*parts, bullets(lines)] if lines else parts


def beside(found: Sequence[Findings], places: Mapping[str, str]) -> list[str]:
    rows = side_by_side.beside(found)
    reason = side_by_side.why_losses_differ(rows, side_by_side.conditions(found))
    parts = ["## A and B side by side", bullets(f"{name}: {place}" for name, place in places.items())]
    parts += [table(side_by_side.HEADER, [row.cells() for row in rows])] if rows else []
    return [*parts, escape(reason)] if reason else parts


def curves(one: Findings) -> list[str]:
    header, rows = tables.curve_table(one.results)
    if not rows:
        return []
    config = one.results.config
    what = "Loss" if config.task else "Loss and batch accuracy"
    return [f"## {what}, seed {config.first_seed}", table(header, rows)]


def conditions(found: Sequence[Findings]) -> list[str]:
    if len(found) == 1:
        method, environment = facts.method(found[0]), facts.environment(found[0].results)
        repeat = f"To repeat it: {escape(command(found[0].results.config))}"
        parts = ["## How it was measured", repeat, table(["what", "value"], method)]
        return [*parts, "## Environment", table(["what", "value"], environment)]
    rows = [[one.name, *one.values] for one in side_by_side.conditions(found)]
    header = ["what", *(one.name for one in found)]
    return ["## How and where they were measured", table(header, rows)]


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
    """Return a table's separator line: numbers are aligned to the right, words to the left."""
    return "---:" if all(re.match(r"[-+−×<≤]?\s?\d|$", cell) for cell in cells) else "---"


def escape(text: str) -> str:
    """Return text on one line that Markdown shows literally: no markup, HTML, list or heading."""
    text = " ".join(text.split())
    text = re.sub(r"[\\`*_{}\[\]<>|#~&$!]", r"\\\g<0>", text)
    return re.sub(r"^(\d*)([-+.)])(?=\s)", r"\1\\\2", text)
