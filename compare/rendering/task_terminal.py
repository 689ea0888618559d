"""Formats the output of `compare.parity --task`: pure functions from records to rich renderables."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compare.records.task import TaskParity, TaskRung

STYLES = {"pass": "green", "fail": "bold red", "not judged": "dim"}


def report(parity: TaskParity) -> RenderableType:
    """Return the conditions, a row per rung, failures with reasons, notes, and the verdict in one line."""
    parts: list[RenderableType] = [Text(conditions(parity)), Text(), rung_table(parity)]
    for rung in parity.rungs:
        if rung.verdict == "fail":
            parts += [Text(), Text(f"{rung.reason}.", style="red")]
            parts += [Text(f"  {hint}") for hint in rung.hints]
    notes = [f"{rung.id}: {note}" for rung in parity.rungs for note in rung.notes]
    parts += [Text(), *(Text(note, style="dim") for note in notes)] if notes else []
    parts += [Text(), *(Text(f"accepted: {one}") for one in parity.accepted)] if parity.accepted else []
    style = STYLES["pass" if parity.passed else "fail"]
    return Group(*parts, Text(), Text.assemble("parity    ", (parity.summary, style)))


def conditions(parity: TaskParity) -> str:
    parts = [
        f"{parity.files[0]} against {parity.files[1]}, on {parity.task}",
        f"{parity.parameters:,} parameters",
        parity.dtype,
        parity.device,
        f"seed {parity.seed}",
    ]
    return " · ".join(parts)


def rung_table(parity: TaskParity) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("rung", "tensors", "nearest to its limit", "error", "allowed", "verdict"):
        right = name in ("tensors", "error", "allowed")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for rung in parity.rungs:
        style = STYLES["not judged"] if rung.verdict == "not judged" else ""
        cells = [*row(rung)]
        table.add_row(
            *(Text(cell, style=style) for cell in cells), Text(rung.verdict, style=STYLES[rung.verdict])
        )
    return table


def row(rung: TaskRung) -> tuple[str, str, str, str, str]:
    return (
        f"{rung.id} {rung.name}",
        f"{rung.compared:,}" if rung.compared else "",
        rung.tensor,
        number(rung.relative),
        number(rung.tolerance),
    )


def number(value: float | None) -> str:
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.1e}"
