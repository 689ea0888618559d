"""`tools.gates` goes on where it was cut off, and only over what the same code has passed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from compare.records.parity import Gate
from tools import gates


def climbed(out: Path, monkeypatch: pytest.MonkeyPatch, verdicts: dict[tuple[int, int], bool]) -> list[Any]:
    """Run the tool with these verdicts by seed and batch size; return what was climbed."""
    asked = []

    def gate(run: Any, *_: object) -> Gate:
        place = run.first_seed, run.batch_size
        asked.append(place)
        return Gate(passed=verdicts.get(place, True), summary="")

    monkeypatch.setattr(gates, "gate", gate)
    monkeypatch.setattr(sys, "argv", ["gates", "--seeds", "2", "--batch-sizes", "1,8", "--out", str(out)])
    assert gates.main() == (0 if all(verdicts.get(place, True) for place in asked) else 1)
    return asked


def test_what_passed_is_not_climbed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is; and all of it once the code is another."""
    out = tmp_path / "gates.json"
    every = [(0, 1), (0, 8), (1, 1), (1, 8)]
    assert climbed(out, monkeypatch, {(1, 1): False}) == every
    assert climbed(out, monkeypatch, {}) == [(1, 1)]
    assert climbed(out, monkeypatch, {}) == []
    record = json.loads(out.read_text())
    assert sorted((one["seed"], one["batch_size"]) for one in record["gates"]) == every
    record["environment"]["code_version"] = "0.0.1"
    out.write_text(json.dumps(record))
    assert climbed(out, monkeypatch, {}) == every
