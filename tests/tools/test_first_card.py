"""`tools.first_card` without a card: what needs none runs, the rest is refused, and a part has its limit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT, command
from tools import first_card
from tools.card_parts import PARTS, Part, expect
from tools.first_card import outcome


def test_what_needs_no_card_runs_and_the_rest_is_refused(tmp_path: Path) -> None:
    """With the reason that a run would give, in words, and in the file."""
    out = tmp_path / "seen.json"
    names = ("--parts", "refusals", "graphs", "products")
    done = command(*names, "--out", out, module="tools.first_card", timeout_seconds=120)
    if "is not installed" in done.stdout:
        pytest.skip("torch is not installed")
    assert done.returncode == 1
    parts = {one["part"]: one for one in json.loads(out.read_text())["parts"]}
    if parts["graphs"]["outcome"] != "refused":
        pytest.skip("there is a card")
    assert parts["refusals"]["outcome"] == "passed"
    assert "cannot be used here" in parts["refusals"]["facts"]["said"][0]
    assert "driver" in parts["graphs"]["reason"] == parts["products"]["reason"]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_name_that_is_no_part_is_refused() -> None:
    """Nothing was tried then, so nothing has passed."""
    done = command("--parts", "grphs", module="tools.first_card", timeout_seconds=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --parts: 'grphs' is not a part. Use some of: refusals, ")


def test_a_part_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that it started; the next one has its turn."""
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **how: start(["sleep", "60"], **how))
    found = outcome(PARTS[0], "cuda", None, 1.0)
    assert found == {"outcome": "failed", "reason": "not done after 1 s"}


def test_what_a_part_did_not_expect_is_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a traceback."""

    def look(_device: str) -> dict[str, Any]:
        expect(holds=False, what="the losses part")
        return {}

    assert first_card.inside(Part("losses", look, 1.0), "cuda") == 1
    assert capsys.readouterr().err == "the losses part\n"


def test_every_part_is_in_the_docs() -> None:
    """By its name."""
    text = (ROOT / "docs" / "cuda.md").read_text()
    table = text[text.index("python -m tools.first_card") : text.index("## What is proved")]
    for part in PARTS:
        assert part.name in table
