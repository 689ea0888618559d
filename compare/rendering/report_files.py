"""Writes the files of a report: report.html, report.md and charts/*.svg, for one run or two."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from compare.findings.findings import Findings, find
from compare.findings.machines import across, apart, names
from compare.records.files import write_atomically
from compare.records.results import FILE_NAME, Results
from compare.rendering import machines, markdown, page
from compare.rendering.charts import charts
from compare.rendering.charts import machines as machine_charts
from compare.rendering.charts.frame import Chart
from compare.rendering.look import plain
from compare.rendering.page import Link, links


def render(found: Findings, directory: Path, *, files_from: Path | None = None) -> None:
    """Write report.html, report.md and charts/*.svg into `directory`, with links to the files of the run."""
    pictures = charts([found])
    write_charts(pictures, directory)
    write(directory / "report.md", markdown.report([found], pictures))
    files = run_files(files_from or directory, directory)
    write(directory / "report.html", page.page([found], pictures, files))


def render_two(found: Sequence[Findings], runs: Sequence[Path], out: Path) -> None:
    """Write both runs in one report. It names `runs`, directories or results files, and links to them."""
    pictures = charts(found)
    write_charts(pictures, out)
    places = dict(zip((one.name for one in found), run_names(runs), strict=True))
    files = [link for run in runs for link in run_files(directory_of(run), out)]
    write(out / "report.md", markdown.report(found, pictures, places))
    write(out / "report.html", page.page(found, pictures, files, places))


def render_machines(results: Results, differences: Sequence[str], out: Path) -> list[str]:
    """Write the report of several machines to `out`, and a report of each machine to a subdirectory.

    Returns the first sentences of the report.
    """
    parts = apart(results)
    called = names(parts)
    found = {called[identity]: find(one, called[identity]) for identity, one in parts.items()}
    files = [Link("results.json", "results.json")]
    for identity, one in parts.items():
        own = out / "machines" / identity
        own.mkdir(parents=True, exist_ok=True)
        render(find(one), own)
        files.append(Link(f"{called[identity]}: its own report", f"machines/{identity}/report.html"))
    compared = across(found)
    pictures = machine_charts.charts(compared)
    write_charts(pictures, out)
    write(out / "report.md", markdown.machines_report(compared, found, differences, pictures))
    write(out / "report.html", page.machines_page(compared, found, differences, pictures, files))
    return [one.sentence for one in machines.headlines(compared)]


def directory_of(run: Path) -> Path:
    """Return the directory of a run that is named by its directory or by a results file."""
    return run if run.is_dir() else run.parent


def run_names(runs: Sequence[Path]) -> list[str]:
    """Return a different name for each run: the last parts of its path, as many as needed."""
    paths = [path.resolve() for path in runs]
    paths = [path.parent if path.name == FILE_NAME and path.is_file() else path for path in paths]
    longest = max(len(path.parts) for path in paths)
    for length in range(1, longest + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return names


def run_files(directory: Path, start: Path) -> list[Link]:
    """Return links from a page in `start` to the files of the run in `directory`."""
    way = os.path.relpath(directory.resolve(), start.resolve())
    return links(directory, "" if way == "." else Path(way).as_posix() + "/")


def write_charts(pictures: Sequence[Chart], directory: Path) -> None:
    """Write charts/*.svg, and remove the charts of an earlier report."""
    folder = directory / "charts"
    shutil.rmtree(folder, ignore_errors=True)
    if pictures:
        folder.mkdir()
    for chart in pictures:
        write(folder / f"{chart.name}.svg", plain(chart.drawing))


def write(path: Path, text: str) -> None:
    write_atomically(path, text.encode("utf-8"))
