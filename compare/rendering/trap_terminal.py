"""Formats the output of `compare.parity --traps`."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compare.records.traps import Trial, Trials
from compare.rendering import trap_table

WIDE = 120  # from this width in columns on, the rungs' names and the loss gaps are shown too
GAP_STEPS = (10, 300)


def report(trials: Trials, width: int) -> RenderableType:
    """Return a row per trap; for a single trap also the ladder's reason."""
    lines: list[RenderableType] = [Text(), trap_rows(trials, wide=width >= WIDE), Text()]
    if len(trials.trials) == 1:
        trial = trials.trials[0]
        lines += [Text(f"{trial.mistake}."), Text(f"{trial.reason}.", style="red"), Text()]
    lines += [Text(trap_table.right_sentence(right), style="dim") for right in trials.right_runs]
    return Group(*lines, Text(trap_table.missed_sentence(trials)))


def trap_rows(trials: Trials, *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("trap", no_wrap=True)
    for name in ("caught at rung" if wide else "rung", "first in"):
        table.add_column(name, overflow="fold")
    for name in (*(f"gap at {step}" for step in GAP_STEPS if wide), "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for trial in trials.trials:
        gaps = trap_table.gap_cells(trials.loss_gaps(trial), GAP_STEPS) if wide else []
        caught = Text(caught_cell(trial, wide=wide), style="green" if trial.caught else "bold red")
        cells = [*gaps, trap_table.accuracy_cell(trial), trap_table.missed_cell(trial)]
        table.add_row(trial.name, caught, trial.first_failing or "", *cells)
    return table


def caught_cell(trial: Trial, *, wide: bool) -> str:
    """Return the rung that caught the trap, with the declared rung if it differs."""
    caught = (
        trap_table.rung_name(trial.caught_rung, trial.caught_dtype)
        if wide
        else str(trial.caught_rung or "none")
    )
    return caught if trial.caught else f"{caught}, not {trial.declared_rung}"
