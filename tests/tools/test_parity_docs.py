"""docs/parity.md says what the committed results say."""

import json

import pytest

from compare.records.parity import read as read_parity
from compare.records.traps import read as read_traps
from compare.traps.catalogue import TRAPS
from tests.known import known
from tools import parity_docs


def test_the_page_shows_the_committed_results() -> None:
    """Run `python -m tools.parity_docs` where this fails."""
    page = parity_docs.PAGE.read_text()
    assert parity_docs.refreshed(page, parity_docs.sections()) == page


def test_the_proof_holds_what_the_project_promises() -> None:
    """1,000 steps, dropout inactive and active, every rung, losses of both frameworks within 1e-13."""
    proof = read_parity(parity_docs.RESULTS / "parity.json")
    assert proof.passed
    assert [climb.dropout for climb in proof.climbs] == [False, True]
    for climb in proof.climbs:
        left, right = climb.losses.values()
        assert len(left) == len(right) == 1000
        assert max(abs(known(a) - known(b)) for a, b in zip(left, right, strict=True)) < 1e-13
    assert proof.noise_floor is not None


def test_every_committed_trap_is_caught_where_the_catalogue_declares() -> None:
    """Every trap of the catalogue, in its order; tests/traps puts one for each rung on the ladder."""
    trials = read_traps(parity_docs.RESULTS / "traps.json")
    found = [(trial.name, trial.caught_rung) for trial in trials.trials]
    assert found == [(trap.name, trap.rung) for trap in TRAPS]
    assert all(len(trial.losses) == trials.training_steps for trial in trials.trials)


def test_no_figure_is_lost_between_markers() -> None:
    """Markers that nobody fills are an error, and text outside them stays."""
    page = "before\n<!-- figures: proof -->\nold\n<!-- end -->\nafter\n"
    assert parity_docs.refreshed(page, {"proof": "new"}) == page.replace("old", "\nnew\n")
    with pytest.raises(KeyError):
        parity_docs.refreshed(page, {})


def test_the_results_are_fit_for_sharing() -> None:
    """Strict JSON without a path of the machine that wrote it."""
    for path in parity_docs.RESULTS.glob("*.json"):
        text = path.read_text()
        json.loads(text, parse_constant=pytest.fail)
        assert "/work/" not in text
        assert "/tmp/" not in text  # noqa: S108  (looked for, not used)
