"""The files of a report: report.html, report.md and charts/*.svg, of one run or of two side by side."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from compare.records.files import write_atomically
from compare.records.results import FILE_NAME, Results
from compare.rendering import look, markdown, page, side_by_side
from compare.rendering.charts import charts
from compare.rendering.charts.frame import Chart
from compare.rendering.page import Link, links, svg


def render(results: Results, directory: Path, *, files_from: Path | None = None) -> None:
    """Write report.html, report.md and charts/*.svg into `directory`, with links to the files of the run."""
    pictures = write_charts(results, directory)
    write(directory / "report.md", markdown.report(results, pictures))
    write(directory / "report.html", page.page(results, run_files(files_from or directory, directory)))


def render_two(results: Sequence[Results], runs: Sequence[Path], out: Path) -> None:
    """Both runs in one report; `runs`, directories or results files, are named in it and linked to."""
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
    """Return what tells each run from the other: as many last parts of its path as that takes."""
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
    try:
        way = os.path.relpath(directory.resolve(), start.resolve())
    except ValueError:  # another drive on Windows
        return []
    return links(directory, "" if way == "." else Path(way).as_posix() + "/")


def write_charts(results: Results, directory: Path) -> Sequence[Chart]:
    """charts/*.svg anew: a chart that is no longer drawn is not left lying there."""
    drawn = charts(results, look.PRINT)
    folder = directory / "charts"
    shutil.rmtree(folder, ignore_errors=True)
    if drawn:
        folder.mkdir()
    for chart in drawn:
        write(folder / f"{chart.name}.svg", svg(chart))
    return drawn


def write(path: Path, text: str) -> None:

    write_atomically(path, text.encode("utf-8"))
