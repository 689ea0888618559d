"""python -m compare.report: renders again, sets two runs side by side, and explains what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from compare import report
from compare.errors import UserError
from compare.records.results import write_results
from compare.rendering import page, report_files
from compare.rendering.charts import charts
from compare.report import ReportConfig
from tests.rendering import synthetic

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run, with results and a few files beside them."""
    directory = tmp_path_factory.mktemp("a run with spaces & signs")
    write_results(synthetic.results(seeds=2, steps=20), directory)
    (directory / "curves.csv").touch()
    (directory / "tf-eager-cpu-seed0.log").touch()
    return directory


def test_a_run_is_rendered_again(run_directory: Path) -> None:
    """Page, Markdown and charts come from results.json alone, without a framework; a stale chart goes."""
    (run_directory / "charts").mkdir(exist_ok=True)
    (run_directory / "charts" / "gone.svg").touch()
    code = (
        "import sys; from compare.report import main; main(sys.argv[1:])\n"
        "assert not {'tensorflow', 'torch', 'tf_impl', 'torch_impl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(run_directory)], cwd=ROOT, check=True)
    written = (run_directory / "report.md").read_text()
    drawn = {f"charts/{path.name}" for path in (run_directory / "charts").iterdir()}
    assert "charts/gone.svg" not in drawn
    assert drawn
    assert all(f"]({name})" in written for name in drawn)
    text = (run_directory / "report.html").read_text()
    assert 'href="results.json"' in text
    assert 'href="tf-eager-cpu-seed0.log"' in text


def test_rendering_twice_gives_the_same_bytes() -> None:
    """Nothing of the moment, such as a date or a set's order, is in a report: a diff shows what changed."""
    found = synthetic.found(seeds=1, steps=20)
    assert page.page(found, charts(found)) == page.page(found, charts(found))


def test_a_run_is_rendered_elsewhere(run_directory: Path, tmp_path: Path) -> None:
    """Links lead from the new place back to the run's files."""
    report.report(ReportConfig((run_directory,), tmp_path / "new"))
    text = (tmp_path / "new" / "report.html").read_text()
    assert f'/{run_directory.name.replace(" ", "%20").replace("&", "%26")}/results.json"' in text


def test_two_runs_side_by_side(run_directory: Path, tmp_path: Path) -> None:
    """The page names both, and the Markdown says which launch is whose."""
    text = report.report(ReportConfig((run_directory, run_directory), tmp_path / "both")).read_text()
    assert "A and B side by side" in text
    assert text.count("results.json") >= 2
    assert "(A)" in (tmp_path / "both" / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name one run, or two"),
        (["a", "b", "c"], "3 directories were given"),
        (["missing"], "Name a directory that compare.run wrote"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake of the command line has its message."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        report.main(arguments)


def test_two_runs_need_a_place_of_their_own(run_directory: Path) -> None:
    """The option that names it is named."""
    with pytest.raises(UserError, match="--out"):
        report.main([str(run_directory), str(run_directory)])


def test_a_file_in_the_way_is_named(run_directory: Path, tmp_path: Path) -> None:
    """The report needs a directory."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--out: .*file"):
        report.main([str(run_directory), "--out", str(tmp_path / "file")])


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (("here/one", "here/two"), ["one", "two"]),
        (("old/run", "new/run"), ["old/run", "new/run"]),
        (("here/one", "here/one"), ["one", "one"]),
        (("results/a.json", "results/b.json"), ["a.json", "b.json"]),
        (("one/results.json", "two/results.json"), ["one", "two"]),
    ],
)
def test_two_runs_are_told_apart_by_name(runs: tuple[str, str], names: list[str], tmp_path: Path) -> None:
    """By the least of their paths that differs: whoever reads the page need not know the rest."""
    for run in runs:
        path = tmp_path / run
        if path.suffix:
            path.parent.mkdir(exist_ok=True, parents=True)
            path.touch()
        else:
            path.mkdir(exist_ok=True, parents=True)
    assert report_files.run_names([tmp_path / run for run in runs]) == names
