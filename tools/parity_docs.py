"""Makes the sections of docs/parity.md: figures from the committed results, the contract from the source.

`python -m tools.parity_docs` writes them between the page's markers. A test fails if the page and the
results disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from compare.ladder.tolerances import BY_DTYPE, Tolerance
from compare.records.parity import Climb, NoiseFloor, Parity
from compare.records.parity import read as read_parity
from compare.records.traps import Trials
from compare.records.traps import read as read_traps
from compare.rendering import parity_terminal, source_pairs, trap_table
from compare.rendering.markdown import table

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, RESULTS = DOCS / "parity.md", DOCS / "results"
GROUP_NAMES = {"one_step": "parameters after one Adam step", "parameters": "parameters after N steps"}
MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write docs/parity.md again."""
    PAGE.write_text(refreshed(PAGE.read_text(), sections()))


def refreshed(page: str, found: Mapping[str, str]) -> str:
    """Return the page with new text in each marked section. Raises KeyError for an unknown marker."""
    return MARKED.sub(lambda match: f"{match[1]}\n{found[match[2]]}\n\n{match[3]}", page)


def sections() -> dict[str, str]:
    """Return the marked sections of the page, by name."""
    parity, traps = read_parity(RESULTS / "parity.json"), read_traps(RESULTS / "traps.json")
    return {
        "proof": "\n\n".join([proof_sentence(parity), *map(climb_section, parity.climbs)]),
        "noise": noise_section(parity.noise_floor),
        "tolerances": tolerance_table(),
        "traps": "\n\n".join([trap_table.missed_sentence(traps), traps_table(traps), *spreads(traps)]),
        "contract": contract("TrainerClass", "Trainer"),
        "optional": contract("Inspectable", "OwnBatches"),
        "wrong": terminal_text(read_parity(RESULTS / "wrong_port.json")),
        "mended": terminal_text(read_parity(RESULTS / "mended_port.json")),
    }


def proof_sentence(parity: Parity) -> str:
    """Return the climbs' verdict, with the machine and the versions."""
    versions = ", ".join(
        f"{name} {number}" for name, number in all_versions(parity).items() if name != "built_for_cuda"
    )
    return f"{parity.summary[0].upper()}{parity.summary[1:]}. {parity.environment.cpu}; {versions}."


def all_versions(parity: Parity) -> dict[str, str]:
    """Return the versions of every package, by name."""
    every = [version for versions in parity.versions.values() for version in versions.items()]
    return {name: number for name, number in every if number}


def climb_section(climb: Climb) -> str:
    """Return the rungs of one climb, as the terminal shows them, and how many steps the oracle trained."""
    header = ["rung", "largest error in", "absolute", "relative", "allowed", "between"]
    rows = [
        [row[name] for name in header]
        for rung in climb.rungs
        for row in parity_terminal.rung_rows(rung, climb)
    ]
    for place, row in enumerate(rows):
        row[0] = row[0] or rows[place - 1][0]
    title = f"**{parity_terminal.heading(climb)}**, the oracle for {climb.oracle_steps:,} steps:"
    return f"{title}\n\n{table(header, rows)}"


def noise_section(floor: NoiseFloor | None) -> str:
    """Return the noise floor's sentence and table. Raises ValueError if the record has none."""
    if floor is None:
        raise ValueError("docs/results/parity.json has no noise floor: climb with --noise-floor")
    header, rows = parity_terminal.floor_rows(floor)
    return f"{floor.sentence[0].upper()}{floor.sentence[1:]}.\n\n{table(header, rows)}"


def tolerance_table() -> str:
    """Return every tolerance, with what was measured and why."""
    rows = []
    for dtype, own in BY_DTYPE.items():
        rows += [tolerance_row(dtype, group, one) for group, one in own.items()]
    return table(["dtype", "what", "measured", "allowed", "why"], rows)


def tolerance_row(where: str, group: str, tolerance: Tolerance | None) -> list[str]:
    """Return a tolerance's row."""
    name = GROUP_NAMES.get(group, group)
    if tolerance is None:
        return [where, name, "", "", "not judged: units whose gradient is noise move by whole steps"]
    return [where, name, f"{tolerance.measured:.1e}", f"{tolerance.value:.0e}", tolerance.reason]


def traps_table(trials: Trials) -> str:
    """Return a row for each trap: where it was caught, and whether its accuracy would have shown it."""
    gaps = [f"gap at step {step}" for step in trap_table.GAP_STEPS]
    header = ["mistake", "trap", "rung", "first in", *gaps, "test accuracy", "accuracy alone"]
    rows = [
        [
            trial.mistake,
            trial.name,
            trap_table.rung_name(trial.caught_rung, trial.caught_dtype),
            trial.first_failing or "",
            *trap_table.gap_cells(trials.loss_gaps(trial)),
            trap_table.accuracy_cell(trial),
            trap_table.missed_cell(trial),
        ]
        for trial in trials.trials
    ]
    return table(header, rows)


def spreads(trials: Trials) -> Sequence[str]:
    """Return a sentence on the correct implementation's accuracies, for each framework."""
    return [trap_table.right_sentence(right) for right in trials.right_runs]


def contract(*names: str) -> str:
    """Return the source of these classes of the contract, which define what a port must have."""
    code = [source_pairs.definition("compare/worker/contract.py", name) for name in names]
    return "\n".join(["```python", "\n\n\n".join(code), "```"])


def terminal_text(parity: Parity, width: int = 80) -> str:
    """Return the command's output for this record, as a code block."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(parity_terminal.report(parity, width))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join(["```", *lines, "```"])


if __name__ == "__main__":
    main()
