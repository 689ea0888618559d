"""The table of traps in the terminal, from the committed results, at two widths."""

import pytest
from rich.console import Console

from compare.records.parity import read as read_parity
from compare.records.traps import Options, RightRun, Trial, Trials
from compare.records.traps import read as read_traps
from compare.rendering import parity_terminal, trap_terminal
from tools import parity_docs


def printed(shown: object, width: int) -> str:
    """Return what the terminal shows, at a width."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(width: int) -> None:
    """Every name in full, no line wider than the terminal."""
    trials = read_traps(parity_docs.RESULTS / "traps.json")
    proof = read_parity(parity_docs.RESULTS / "parity.json")
    for shown in (trap_terminal.report(trials, width), parity_terminal.report(proof, width)):
        text = printed(shown, width)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
    for trial in trials.trials:
        assert trial.name in printed(trap_terminal.report(trials, width), width)


def trial(name: str, caught: int | None, accuracy: float) -> Trial:
    """Return a trap's trial, caught at a rung or not, with an accuracy."""
    return Trial(
        name=name,
        mistake="m",
        framework="torch",
        dropout=False,
        declared_rung=4,
        caught_rung=caught,
        first_failing="conv1",
        reason="why",
        rungs=[],
        losses=[2.0, 1.5],
        test_accuracy=accuracy,
        accuracy_misses_it=accuracy >= 0.98,
    )


def test_what_slipped_and_what_accuracy_misses_is_said() -> None:
    """The counts, and a trap that was not caught where it should have been."""
    right = RightRun(
        "torch", dropout=False, losses=[2.0, 1.0], test_accuracies=[0.985, 0.985], lowest_unsuspected=0.98
    )
    trials = Trials(
        config=Options(0, 128, 2),
        training_steps=2,
        right_runs=[right],
        trials=[trial("seen", 4, 0.5), trial("slipped", None, 0.984)],
    )
    text = " ".join(printed(trap_terminal.report(trials, 120), 120).split())
    assert "caught 1 of 2" in text
    assert "missed 1 of 2" in text
    assert "none, not 4" in text
    assert trials.loss_gaps(trials.trials[0]) == [0.0, 0.5]


def test_a_single_trap_is_explained() -> None:
    """The mistake and the ladder's sentence about it."""
    text = printed(
        trap_terminal.report(Trials(config=Options(0, 128, 2), trials=[trial("seen", 4, 0.5)]), 80), 80
    )
    assert "why." in text
