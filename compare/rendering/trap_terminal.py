"""What `compare.parity --traps` prints."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from compare.rendering import trap_table
from compare.traps.records import Trial, Trials

WIDE = 110  # columns from which the loss gaps are shown too


def report(trials: Trials, width: int) -> RenderableType:
    """A row a trap; of a single trap also what the ladder says about it."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    wide = width >= WIDE
    gap_headers = [f"gap at {step}" for step in trap_table.GAP_STEPS] if wide else []
    for name in ("trap", "caught at rung", "first in"):
        table.add_column(name)
    for name in (*gap_headers, "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for trial in trials.trials:
        gaps = trap_table.gap_cells(trials.loss_gaps(trial)) if wide else []
        caught = Text(caught_cell(trial), style="green" if trial.caught else "bold red")
        table.add_row(
            trial.name, caught, trial.first_failing or "", *gaps,
            trap_table.accuracy_cell(trial), trap_table.missed_cell(trial),
        )  # fmt: skip
    lines: list[RenderableType] = [Text(), table, Text()]
    if len(trials.trials) == 1:
        trial = trials.trials[0]
        lines += [Text(f"{trial.mistake}."), Text(f"{trial.reason}.", style="red"), Text()]
    lines += [Text(trap_table.right_sentence(right), style="dim") for right in trials.right_runs]
    return Group(*lines, Text(trap_table.missed_sentence(trials)))


def caught_cell(trial: Trial) -> str:
    caught = trap_table.rung_name(trial.caught_rung)
    return caught if trial.caught else f"{caught}, not {trial.declared_rung}"
