"""`python -m compare.report`: renders a run's report again from its results, or two runs side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from compare.command_line import parse, run_entry_point
from compare.errors import UserError


@dataclass(frozen=True)
class ReportConfig:
    """Write report.html, report.md and charts/*.svg from results.json, of one run, or of two side by side."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """one or two directories that compare.run wrote"""
    out: Path | None = None
    """where the report goes; default for one run: the directory of the run"""


def main(argv: Sequence[str]) -> int:
    config = parse(ReportConfig, argv, program="compare.report")
    print(report(config))
    return 0


def report(config: ReportConfig) -> Path:
    """Read and render the runs. Returns the page's path. Raises UserError if a directory cannot be used."""
    from compare.findings.findings import find
    from compare.records.foreign import read_results
    from compare.records.run_directory import refuse_if_in_use
    from compare.rendering import side_by_side
    from compare.rendering.report_files import directory_of, render, render_machines, render_two

    if len(config.runs) not in (1, 2):
        raise UserError(
            f"{len(config.runs)} directories were given. Name one run, or two to set side by side."
        )
    results = [read_results(directory) for directory in config.runs]
    if len(results) == 1:
        home = directory_of(config.runs[0])
        directory = created(config.out or home)
        refuse_if_in_use(directory)
        if len(results[0].machines) > 1:
            render_machines(results[0], [], directory)
        else:
            render(find(results[0]), directory, files_from=home)
        return directory / "report.html"
    if config.out is None:
        raise UserError("Two runs were given. Name a directory for the report of both: --out DIR.")
    directory = created(config.out)
    refuse_if_in_use(directory)
    named = zip(results, side_by_side.NAMES, strict=True)
    render_two([find(one, name) for one, name in named], config.runs, directory)
    return directory / "report.html"


def created(directory: Path) -> Path:
    from compare.records.run_directory import make_directories

    try:
        make_directories(directory)
        if not os.access(directory, os.W_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise UserError(
            f"--out: {directory}: {error.strerror}. Name a directory that you can write to."
        ) from error
    return directory


if __name__ == "__main__":
    run_entry_point(main)
