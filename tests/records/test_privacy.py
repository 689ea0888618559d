"""No path in a record names a person or a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.records.privacy import without_places
from compare.records.results import write_results
from tests.rendering import synthetic


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("/home/anna/venv/bin/python cannot be started", "…/python cannot be started"),
        ("see '/scratch/anna.b/x/port.py', line 3", "see '…/port.py', line 3"),
        ("/Users/Anna/p.py: no; /mnt/bob/q.py: no", "…/p.py: no; …/q.py: no"),
        ("libgomp in /usr/lib/x86_64 and /dev/null", "libgomp in /usr/lib/x86_64 and /dev/null"),
        ("log: parity/tf-eager.log", "log: parity/tf-eager.log"),
        ("12 images/s, 3/4 of it, and/or 5 / 6", "12 images/s, 3/4 of it, and/or 5 / 6"),
        ("fails at rung 7 of 8", "fails at rung 7 of 8"),
    ],
)
def test_a_path_keeps_its_last_part(text: str, shared: str) -> None:
    """What a reader of shared results can use; the system's own paths name nobody."""
    assert without_places(text) == shared


def test_a_home_with_spaces_goes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule on words would find its end."""
    monkeypatch.setenv("HOME", "/home/Anna Maria Smith")
    assert without_places("in /home/Anna Maria Smith/a/b.py") == "in …/b.py"


def test_a_directory_that_is_gone_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has a user without a home one."""
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: Path("~nobody").expanduser())
    assert without_places("in /home/anna/a/b.py") == "in …/b.py"


def test_results_name_no_place_of_this_machine(tmp_path: Path) -> None:
    """Neither in a launch's reason or notes, nor in what the ladder left out."""
    results = synthetic.results(seeds=1, steps=20)
    results.runs[0].reason = f"{tmp_path}/deep/python cannot be started"
    results.runs[0].notes = [f"{tmp_path}/deep/port.py: no"]
    assert results.parity is not None
    results.parity.left_out = {"torch:compiled": f"{tmp_path}/deep/g++ is not there"}
    write_results(results, tmp_path)
    assert str(tmp_path) not in (tmp_path / "results.json").read_text()
