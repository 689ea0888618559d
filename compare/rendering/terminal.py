"""Formats the output of `compare.run`, a headline and tables, with pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from compare.findings.findings import Findings
from compare.numbers import count
from compare.rendering import facts, job, tables, variant_table, verdicts
from compare.variants import FRAMEWORK_NAMES

NARROW = 80  # columns; below this width, headings are one word per line, and long cells take two lines
MANY_COLUMNS = 7  # with so many columns, long headings take several lines at any width
LINE_ENDS = re.compile(
    r" (?=\[)"  # before an interval
    r"| (?=as fast)" + "".join(f"|(?<=^{name}) " for name in FRAMEWORK_NAMES.values())
)


def summary(found: Findings, width: int) -> RenderableType:
    """Return the tables, the verdicts in sentences, and the most important warning."""
    one = [found]
    parts: list[RenderableType] = [Text(), Text(facts.machine(found.results), style="dim"), Text()]
    header, rows = tables.curve_table(found.results)
    if rows:
        parts += [plain_table(header, rows, width), Text()]
    parts += [plain_table(*variant_table.summary(one), width, left=(0, 4)), Text()]
    for extra in job.tables(one):
        room = width if len(extra.header) < MANY_COLUMNS else NARROW - 1
        parts += [Text(extra.title), plain_table(extra.header, extra.rows, room, left=(0,)), Text()]
    lines = verdicts.failures(one) + [verdict.sentence for verdict in verdicts.headlines(one)]
    parts += [indented(line) for line in [*lines, *verdicts.fastest(one), *job.answers(one)]]
    parts += [indented(f"warning: {warning}", "yellow") for warning in found.warnings[:1]]
    if (rest := len(found.warnings) - 1) > 0:
        parts.append(indented(f"{count(rest, 'more warning')} in the report", "dim"))
    return Group(*parts, Text())


def indented(sentence: str, style: str = "") -> RenderableType:
    return Padding(Text(sentence, style=style), (0, 0, 0, 2))


def plain_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, left: Sequence[int] = ()
) -> Table:
    narrow = width < NARROW
    table = Table(box=None, padding=(0, 1 if narrow else 2, 0, 0), header_style="dim", pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(
            Text(name.replace(" ", "\n") if narrow else name),
            justify="left" if number in left else "right",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(LINE_ENDS.sub("\n", cell) if narrow else cell) for cell in row))
    return table
