"""`python -m compare.report`: a run's report again from its results, or two runs side by side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from compare.command_line import parse, run_entry_point
from compare.errors import UserError

if TYPE_CHECKING:
    from compare.records.results import Results
    from compare.rendering.charts.frame import Chart
    from compare.rendering.page import Link


@dataclass(frozen=True)
class ReportConfig:
    """Write report.html, report.md and charts/*.svg from results.json: of one run, or of two side by side."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """one directory that compare.run wrote, or two"""
    out: Path | None = None
    """where the report goes; default for one run: its own directory"""


def main(argv: Sequence[str]) -> int:
    config = parse(ReportConfig, argv, program="compare.report")
    print(report(config))
    return 0


def report(config: ReportConfig) -> Path:
    """Reads, renders, and returns the page's path. Raises UserError where a directory will not do."""
    from compare.records.foreign import read_results
    from compare.records.run_directory import refuse_if_locked

    if len(config.runs) not in (1, 2):
        raise UserError(
            f"{len(config.runs)} directories were given. Name one run, or two to set side by side."
        )
    results = [read_results(directory) for directory in config.runs]
    if len(results) == 1:
        home = directory_of(config.runs[0])
        directory = created(config.out or home)
        refuse_if_locked(directory)
        render(results[0], directory, files_from=home)
        return directory / "report.html"
    if config.out is None:
        raise UserError("Two runs were given. Name a directory for the report of both: --out DIR.")
    directory = created(config.out)
    refuse_if_locked(directory)
    render_two(results, config.runs, directory)
    return directory / "report.html"


def created(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise UserError(
            f"--out: {directory}: {error.strerror}. Name a directory that can be written."
        ) from error
    return directory


def render(results: Results, directory: Path, *, files_from: Path | None = None) -> None:
    """Writes report.html, report.md and charts/*.svg into `directory`, with links to the files of the run."""
    from compare.rendering import markdown, page

    pictures = write_charts(results, directory)
    write(directory / "report.md", markdown.report(results, pictures))
    write(directory / "report.html", page.page(results, run_files(files_from or directory, directory)))


def render_two(results: Sequence[Results], runs: Sequence[Path], out: Path) -> None:
    """Both runs in one report; `runs`, directories or results files, are named in it and linked to."""
    from compare.rendering import markdown, page, side_by_side

    both = side_by_side.merged(results)
    pictures = write_charts(both, out)
    write(out / "report.md", markdown.report(both, pictures))
    files: list[Link] = []
    for run in runs:
        files += run_files(directory_of(run), out)
    beside, conditions = side_by_side.step_rows(results), side_by_side.conditions(results)
    extra = {
        "beside": beside,
        "conditions": conditions,
        "why_losses_differ": side_by_side.why_losses_differ(beside, conditions),
        "places": list(zip(side_by_side.NAMES, run_names(runs), strict=True)),
    }
    write(out / "report.html", page.page(both, files, extra, template="two_runs.html.jinja"))


def directory_of(run: Path) -> Path:
    """Of a run that is named by its directory or by a results file."""
    return run if run.is_dir() else run.parent


def run_names(runs: Sequence[Path]) -> list[str]:
    """What tells each run from the other: as many last parts of its path as that takes."""
    from compare.records.results import FILE_NAME

    paths = [path.resolve() for path in runs]
    paths = [path.parent if path.name == FILE_NAME and path.is_file() else path for path in paths]
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return names


def run_files(directory: Path, start: Path) -> list[Link]:
    """Links from a page in `start` to the files of the run in `directory`."""
    from compare.rendering.page import links

    try:
        way = os.path.relpath(directory.resolve(), start.resolve())
    except ValueError:  # another drive on Windows
        return []
    return links(directory, "" if way == "." else Path(way).as_posix() + "/")


def write_charts(results: Results, directory: Path) -> Sequence[Chart]:
    """charts/*.svg anew: a chart that is no longer drawn is not left lying there."""
    from compare.rendering import look
    from compare.rendering.charts import charts
    from compare.rendering.page import svg

    drawn = charts(results, look.PRINT)
    folder = directory / "charts"
    shutil.rmtree(folder, ignore_errors=True)
    if drawn:
        folder.mkdir()
    for chart in drawn:
        write(folder / f"{chart.name}.svg", svg(chart))
    return drawn


def write(path: Path, text: str) -> None:
    from compare.records.files import write_atomically

    write_atomically(path, text.encode("utf-8"))


if __name__ == "__main__":
    run_entry_point(main)
