"""`tools.gates` goes on where it was cut off, and only over what the same code has passed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from compare.records import machine
from compare.records.parity import Gate
from tools import gates

EVERY = [(0, 1), (0, 8), (1, 1), (1, 8)]


@pytest.fixture(autouse=True)
def known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand on a commit, whatever this checkout holds."""
    monkeypatch.setattr(machine, "code_version", lambda: "0.1.0 (abc)")


def climbed(
    out: Path, monkeypatch: pytest.MonkeyPatch, verdicts: dict[tuple[int, int], bool], *options: str
) -> list[Any]:
    """Run the tool with these verdicts by seed and batch size; return what was climbed."""
    asked = []

    def gate(run: Any, *_: object) -> Gate:
        place = run.first_seed, run.batch_size
        asked.append(place)
        return Gate(passed=verdicts.get(place, True), summary="")

    monkeypatch.setattr(gates, "gate", gate)
    given = ["gates", "--seeds", "2", "--batch-sizes", "1,8", "--out", str(out), *options]
    monkeypatch.setattr(sys, "argv", given)
    assert gates.main() == (0 if all(verdicts.get(place, True) for place in asked) else 1)
    return asked


def test_what_passed_is_not_climbed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is."""
    out = tmp_path / "gates.json"
    assert climbed(out, monkeypatch, {(1, 1): False}) == EVERY
    assert climbed(out, monkeypatch, {}) == [(1, 1)]
    assert climbed(out, monkeypatch, {}) == []
    record = json.loads(out.read_text())
    assert sorted((one["seed"], one["batch_size"]) for one in record["gates"]) == EVERY


def test_everything_is_climbed_once_something_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code, the variants or the dtype; and code that nobody can name is never the same."""
    out = tmp_path / "gates.json"
    for options in ([], ["--variants", "tf:eager"], ["--dtype", "float64"]):
        assert climbed(out, monkeypatch, {}, *options) == EVERY
    for code in ("0.1.0 (def)", "0.1.0 (def+)", "0.1.0 (def+)", f"0.1.0 ({machine.UNKNOWN_COMMIT})"):
        monkeypatch.setattr(machine, "code_version", lambda code=code: code)
        assert climbed(out, monkeypatch, {}) == EVERY
    assert climbed(out, monkeypatch, {}) == EVERY
