"""`python -m compare.merge`: combines runs of any number of machines in one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from compare.command_line import parse, run_entry_point
from compare.errors import UserError

if TYPE_CHECKING:
    from compare.records.results import Results


@dataclass(frozen=True)
class MergeConfig:
    """Combine runs of several machines: the ratio on each, on average, and expected on one more.

    Writes results.json, report.html, report.md and charts/*.svg under --out, and each machine's own report.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """directories that compare.run or compare.merge wrote, or their results.json"""
    out: Path | None = None
    """where the report goes, a new or empty directory; default: runs/merged-<time>"""
    accept_differences: bool = False
    """join runs that differ in code, versions, data or options; the report lists the differences"""


def main(argv: Sequence[str]) -> int:
    config = parse(MergeConfig, argv, program="compare.merge")
    directory, sentences = merge(config)
    print("\n".join([*sentences, f"report    {directory / 'report.html'}"]))
    return 0


def merge(config: MergeConfig) -> tuple[Path, list[str]]:
    """Read, check, join and render the runs. Returns the directory, and the first sentences of the report."""
    from compare.records.results import write_results
    from compare.records.run_directory import new_directory
    from compare.rendering.report_files import render_machines

    results, differences = joined_runs(config)
    with new_directory(config.out, prefix="merged-") as place:
        write_results(results, place.path)
        return place.path, render_machines(results, differences, place.path)


def joined_runs(config: MergeConfig) -> tuple[Results, list[str]]:
    """Return the joined runs and their differences. Raises UserError if they cannot be joined."""
    from compare.findings.machines import differences, join_results, repeated
    from compare.records.foreign import read_results
    from compare.rendering.report_files import run_names

    if not config.runs:
        raise UserError("No run was given. Name the directories that compare.run wrote.")
    named = dict(zip(run_names(config.runs), map(read_results, config.runs), strict=False))
    if len(named) < len(config.runs):
        raise UserError("One run was given twice. Name each run once.")
    if twice := repeated(named):
        raise UserError(
            f"{twice}.\nMeasure with other seeds (--first-seed), or leave one of the two runs out."
        )
    found = differences(named)
    if found and not config.accept_differences:
        raise UserError(refusal(found))
    return join_results(list(named.values())), found


def refusal(found: Sequence[str]) -> str:
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return (
        f"The runs do not measure the same work: {'; '.join(found[:3])}{more}.\n"
        "Leave out the run that differs, measure it again, or add --accept-differences: the report then "
        "lists the differences."
    )


if __name__ == "__main__":
    run_entry_point(main)
