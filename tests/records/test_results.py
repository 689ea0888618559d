"""results.json: strict, compact, whole at any moment."""

import dataclasses
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.config import OWN_FILES, PATHS, RunConfig
from compare.errors import Unwritable, UserError
from compare.records.config import Config
from compare.records.files import collapse_number_lists, write_atomically
from compare.records.foreign import read_results, refuse_unknown_fields
from compare.records.results import Launch, Results, name_machine, write_results
from tests.faults.recording import Fault
from tests.rendering import synthetic

FAULTS = "Results that passed through an editor"

ROOT = Path(__file__).resolve().parents[2]


def example() -> Results:
    """Return results of one short launch."""
    run = Launch(framework="tf", variant="eager", device="cpu", dtype="float32", seed=0, label="tf:eager")
    run.losses, run.step_seconds = [2.3, 0.1 + 0.2], [0.03, 0.04]
    run.train_accuracies = [0.5, 1.0]
    return synthetic.rows(run)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Every value survives, to the last bit of a float."""
    written = example()
    write_results(written, tmp_path)
    assert read_results(tmp_path) == written
    assert read_results(tmp_path / "results.json") == written


def test_a_list_of_numbers_stands_on_one_line(tmp_path: Path) -> None:
    """A person can open the file."""
    write_results(example(), tmp_path)
    assert '"losses": [2.3, 0.30000000000000004],' in (tmp_path / "results.json").read_text()


def test_no_nan_reaches_the_file(tmp_path: Path) -> None:
    """JSON has no NaN: a missing figure is null."""
    results = example()
    results.runs[0].test_loss = math.nan
    write_results(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["runs"][0]["test_loss"] is None


@given(st.text(), st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_text_that_looks_like_a_list_is_left_alone(text: str, numbers: list[float]) -> None:
    """Collapsing changes white space between numbers and nothing else."""
    value = {"text": text, "list": f"[{text}]", "numbers": numbers, "nested": [[1, 2], [text]]}
    encoded = json.dumps(value, indent=1).encode()
    assert json.loads(collapse_number_lists(encoded)) == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a results file"),
        (b"{", "is not a results file"),
        (b"[1, 2]", "is not a results file"),
        (b'{"runs": [{"framework": "jax"}]}', "is not a results file"),
        (b'{"schema_version": 99}', "has schema_version 99; this version reads 1"),
        (b'{"schema_version": 99, "runs": {}}', "has schema_version 99; this version reads 1"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """The error names the file and what is wrong with it."""
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_results(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_directory_without_results_is_refused(tmp_path: Path) -> None:
    """The next action is named."""
    with pytest.raises(UserError, match=r"No such file(.|\n)*compare\.run"):
        read_results(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the worst moment costs nothing that was there."""
    write_atomically(tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unwritable, match="No space left"):
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_option_that_can_change_a_figure_is_recorded() -> None:
    """An option added to a run and not to its record would be lost without a word."""
    options = {field.name for field in dataclasses.fields(RunConfig)}
    known = {"thread_counts", "data", "spec", "task_modules", "cluster"}
    assert set(Config.__struct_fields__) == options - {*PATHS, *OWN_FILES} | known | {"task"}


@pytest.mark.parametrize("name", ["run", "variants", "deterministic", "allocator_stable"])
def test_results_of_earlier_versions_are_read_and_lose_nothing(name: str) -> None:
    """Each field that such a file holds is known: written anew, it holds them all."""
    path = ROOT / "docs" / "results" / f"{name}.json"
    results = read_results(path)
    refuse_unknown_fields(path, results)
    assert results.config.seeds == len({run.seed for run in results.runs})


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda record: record["config"].update(network="other"), "config.network"),
        (lambda record: record["runs"][0].update(joules=3.5), "runs.0.joules"),
        (lambda record: record.update(notes=[]), "notes"),
    ],
)
def test_a_field_that_would_be_lost_is_named(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], place: str
) -> None:
    """A file of a newer version can be shown; gone on with, it would lose what this version does not know."""
    write_results(example(), tmp_path)
    record = json.loads((tmp_path / "results.json").read_text())
    edit(record)
    (tmp_path / "results.json").write_text(json.dumps(record))
    results = read_results(tmp_path)
    with pytest.raises(UserError, match=f"holds the field {place}, which this version does not know"):
        refuse_unknown_fields(tmp_path, results)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read_over(tmp_path: Path, encoding: str, fault: Fault) -> None:
    """As Windows' editors and shells write before a text."""
    write_results(example(), tmp_path)
    path = tmp_path / "results.json"
    path.write_bytes(path.read_text().encode(encoding))
    assert read_results(tmp_path).runs == example_with_machine().runs
    fault(
        f"results.json in {encoding}, with a byte-order mark",
        words="nothing: it is read",
        survives="the report",
    )


def example_with_machine() -> Results:
    """Return the example as it is written: with its machine named."""
    results = example()
    name_machine(results)
    return results
