"""Results with edited verdicts: the report computes verdicts from the samples, and says that they differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compare.records.results import write_results
from compare.rendering import report_files
from compare.report import ReportConfig, report
from tests.faults.recording import Fault
from tests.rendering import synthetic

FAULTS = "Verdicts that do not follow from the samples"
SURVIVES = "the report, computed from the samples; the file"
Record = dict[str, Any]


@pytest.fixture(autouse=True)
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are what is looked at here; charts take seconds."""
    monkeypatch.setattr(report_files, "charts", lambda _: [])


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Return a file as a run writes it, of noisy launches, with a batch sweep."""
    directory = tmp_path_factory.mktemp("results")
    write_results(synthetic.results(seeds=3, steps=120, explained=True), directory)
    record: Record = json.loads((directory / "results.json").read_text())
    return record


def rendered(record: Record, directory: Path) -> str:
    """Write a record, render it with compare.report, and return report.md; the page says the same."""
    directory.mkdir(exist_ok=True)
    (directory / "results.json").write_text(json.dumps(record))
    html = report(ReportConfig((directory,))).read_text()
    written = (directory / "report.md").read_text()
    assert ("holds verdicts that do not follow" in html) == ("holds verdicts that do not follow" in written)
    return written


def edited(record: Record, edit: Callable[[Record], object]) -> Record:
    """Return a copy of a record, edited."""
    copy: Record = json.loads(json.dumps(record))
    edit(copy)
    return copy


def first(record: Record, metric: str) -> Record:
    """Return the first comparison of a metric."""
    found: Record = next(one for one in record["comparisons"] if one["metric"] == metric)
    return found


def climb(record: Record) -> Record:
    """Return the climb of the gate."""
    found: Record = record["parity"]["climbs"][0]
    return found


def say_slower(record: Record) -> None:
    """Write another verdict and sentence."""
    first(record, "step_seconds").update(
        verdict="slower by 900 %", sentence="PyTorch eager is slower by 900 %."
    )


def say_tenfold(record: Record) -> None:
    """Write another ratio."""
    first(record, "step_seconds").update(estimate=10.0, low=9.0, high=11.0)


def worsen_one_side(record: Record) -> None:
    """Take half of one side's test accuracy away."""
    for run in record["runs"]:
        run["test_accuracy"] = 0.5 + run["seed"] / 1000 if run["framework"] == "tf" else 0.99


def invent_a_comparison(record: Record) -> None:
    """Compare a variant without a launch."""
    record["comparisons"].append(first(record, "step_seconds") | {"other": "torch:tuned"})


def fail_a_difference(record: Record) -> None:
    """Mark a difference as failed."""
    climb(record)["rungs"][5]["differences"][0]["passed"] = False


def exceed_a_tolerance(record: Record) -> None:
    """Put an error beyond its tolerance."""
    climb(record)["rungs"][5]["differences"][0]["relative"] = 0.5


def fail_a_shown_rung(record: Record) -> None:
    """Put an error on a rung that the report shows, in no climb."""
    record["parity"]["rungs"][3]["differences"][0]["relative"] = 0.5


def part_the_losses(record: Record) -> None:
    """Move one loss of one side."""
    climb(record)["losses"]["torch:eager"][7] += 1e-3


def drop_the_evidence(record: Record) -> None:
    """Leave the verdicts and take away what they rest on."""
    for rung in climb(record)["rungs"]:
        rung["differences"] = []


def flatten_the_sweep(record: Record) -> None:
    """Give every batch size one time."""
    for point in record["batch_sweep"]:
        point["step_seconds"] = 0.001


EDITS: dict[str, tuple[Callable[[Record], None], str, str]] = {
    "Results that call the faster side slower": (
        say_slower,
        "the step time of torch:eager",
        "as fast as TensorFlow eager",
    ),
    "Results with a ratio that their times do not have": (
        say_tenfold,
        "the step time of torch:eager",
        "as fast as TensorFlow eager",
    ),
    "Results that call 50 % and 99 % equivalent": (
        worsen_one_side,
        "the test accuracy of torch:eager",
        "differ by",
    ),
    "Results that compare what was not trained": (
        invent_a_comparison,
        "the step time of torch:tuned",
        "as fast as TensorFlow eager",
    ),
    "Parity that holds despite a failed difference": (
        fail_a_difference,
        "parity",
        "Parity failed: fails at rung 6 of 8",
    ),
    "Parity that holds despite an error beyond its tolerance": (
        exceed_a_tolerance,
        "parity",
        "Parity failed: fails at rung 6 of 8",
    ),
    "Parity that holds despite a failed rung": (
        fail_a_shown_rung,
        "parity",
        "Parity failed: fails at rung 4 of 8",
    ),
    "Parity that holds despite losses that differ": (
        part_the_losses,
        "parity",
        "Parity failed: fails at rung 8 of 8",
    ),
    "Parity without differences": (drop_the_evidence, "parity", "Parity failed: 0 of 8 rungs"),
    "Results with other times by batch size than their launches": (
        flatten_the_sweep,
        "the batch sizes of tf:eager",
        "as fast as TensorFlow eager",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_the_samples_have_the_last_word(tmp_path: Path, original: Record, what: str, fault: Fault) -> None:
    """The report computes verdicts from the samples, and begins with a notice if the file has others."""
    edit, contradicted, right = EDITS[what]
    changed = edited(original, edit)
    written = rendered(changed, tmp_path)
    lines = written.splitlines()
    notice = lines[4].strip("*")
    assert notice.startswith("The file holds verdicts that do not follow from its samples")
    assert contradicted in notice
    assert right in written
    assert "900 %" not in written
    if "Parity failed" in right:
        assert "Parity holds" not in written
    assert json.loads((tmp_path / "results.json").read_text()) == changed
    fault(what, seen=notice, survives=SURVIVES)


def test_a_file_as_it_was_written_is_not_doubted(tmp_path: Path, original: Record) -> None:
    """An unchanged file gives no notice, even if its figures differ by rounding on another machine."""

    def on_another_machine(record: Record) -> None:
        first(record, "step_seconds")["high"] *= 1 + 1e-12

    for number, record in enumerate((original, edited(original, on_another_machine))):
        written = rendered(record, tmp_path / str(number))
        assert "holds verdicts that do not follow" not in written
        assert "Parity holds: 8 of 8 rungs" in written


def test_warnings_are_worked_out_anew(tmp_path: Path, original: Record) -> None:
    """A warning without support in the samples is removed, and one that the samples support is added."""

    def edit(record: Record) -> None:
        record["warnings"] = ["The machine was struck by lightning."]
        for run in record["runs"]:
            slowed = run["framework"] == "torch"  # in two of three steps
            run["step_seconds"] = [
                seconds * (2 if slowed and step % 3 else 1)
                for step, seconds in enumerate(run["step_seconds"])
            ]

    written = rendered(edited(original, edit), tmp_path)
    assert "lightning" not in written
    assert "step times vary within a launch" in written


def test_the_run_that_was_written_otherwise_is_named(tmp_path: Path, original: Record) -> None:
    """In a report of two runs, the notice names the run with the edited verdicts."""
    for name, record in (("one", original), ("two", edited(original, say_slower))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(record))
    report(ReportConfig((tmp_path / "one", tmp_path / "two"), tmp_path / "both"))
    written = (tmp_path / "both" / "report.md").read_text()
    assert "**Run B holds verdicts that do not follow" in written
    assert "Run A was written" not in written
