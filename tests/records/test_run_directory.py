"""A run's directory: its own, locked, and gone if the run is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.errors import Unwritable, UserError
from compare.records.run_directory import RunDirectory, new_directory, remove_half_written


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty working directory, at a time that does not pass."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: form.partition("%")[0] + "now")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_two_starts_in_one_second_have_a_directory_each() -> None:
    """A number tells them apart, and the lock is there for every command."""
    places = [new_directory(None, prefix="parity-") for _ in range(3)]
    assert [str(place.path) for place in places] == [
        "runs/parity-now", "runs/parity-now-2", "runs/parity-now-3",
    ]  # fmt: skip
    with pytest.raises(UserError, match="is in use by another run"):
        new_directory(places[0].path)
    for place in places:
        place.lock.release()


def refuse(place: RunDirectory, error: UserError) -> None:
    """Write, then refuse."""

    def run() -> None:
        with place, place.refusable():
            (place.path / "parity").mkdir(exist_ok=True)
            (place.path / "parity" / "ladder-tf.log").write_text("why")
            (place.path / "results.json").write_text("{}")
            raise error

    with pytest.raises(UserError):
        run()


def test_a_refused_run_leaves_nothing(here: Path) -> None:
    """Neither the directories that were made for it."""
    refuse(new_directory(Path("a/b")), UserError("no"))
    refuse(new_directory(None), UserError("no"))
    assert list(here.iterdir()) == []


def test_a_directory_that_was_there_stays(here: Path) -> None:
    """Empty, as it was."""
    (here / "out").mkdir()
    refuse(new_directory(Path("out")), UserError("no"))
    assert list(here.rglob("*")) == [here / "out"]


def test_a_log_that_the_refusal_names_is_left_and_hinders_nothing(here: Path) -> None:
    """The same command again is not refused for it."""
    log = Path("out/parity/ladder-tf.log")
    for _ in range(2):
        refuse(new_directory(Path("out")), UserError(f"it died; log: {log}"))
        assert [path for path in here.rglob("*") if path.is_file()] == [here / log]


def test_what_a_failed_run_wrote_stays(here: Path) -> None:
    """A full disk is no refusal, and a resumed run's results are never taken back."""
    refuse(new_directory(Path("out")), Unwritable("full"))
    assert (here / "out" / "results.json").exists()
    with RunDirectory(here / "out") as place, pytest.raises(UserError), place.refusable():
        raise UserError("the data differ")
    assert {path.name for path in (here / "out").iterdir()} == {"results.json", "parity"}


@pytest.mark.parametrize("name", ["results.json", "notes.txt", ".gitignore", "parity/x", "x/ladder-tf.log"])
def test_files_are_not_written_over(here: Path, name: str) -> None:
    """Whoever wrote them; and they are as they were after the refusal."""
    (here / "out" / name).parent.mkdir(parents=True)
    (here / "out" / name).write_text("mine")
    before = sorted(here.rglob("*"))
    with pytest.raises(UserError, match="is not empty") as caught:
        new_directory(Path("out"))
    assert sorted(here.rglob("*")) == before
    assert ("compare.run --resume out" in str(caught.value)) == (name == "results.json")


def test_only_our_own_half_written_files_are_removed(here: Path) -> None:
    """Not whatever begins with a dot."""
    for name in (".results.json.1a2b3c4d.part", ".gitignore", "results.json"):
        (here / name).touch()
    remove_half_written(here)
    assert {path.name for path in here.iterdir()} == {".gitignore", "results.json"}
