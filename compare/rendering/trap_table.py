"""Formats the traps as rows of text, for the terminal and the docs, with pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from compare.ladder.rungs import RUNGS
from compare.records.traps import RightRun, Trial, Trials

GAP_STEPS = (1, 10, 100, 300)  # counted from 1


def rung_name(number: int | None, dtype: str = "float64") -> str:
    """Return, for example, `6 gradients`, with the dtype of the climb if it is not float64."""
    if number is None:
        return "none"
    return f"{number} {RUNGS[number - 1].name}" + (f", {dtype}" if dtype != "float64" else "")


def gap_cells(losses_apart: Sequence[float], steps: Sequence[int] = GAP_STEPS) -> list[str]:
    return [gap(losses_apart, step) for step in steps]


def gap(losses_apart: Sequence[float], step: int) -> str:
    if step > len(losses_apart):
        return ""
    value = losses_apart[step - 1]
    return "0" if value == 0 else f"{value:.1e}"


def accuracy_cell(trial: Trial) -> str:
    return "" if trial.test_accuracy is None else f"{trial.test_accuracy:.2%}"


def missed_cell(trial: Trial) -> str:
    """Return whether the accuracy alone shows that something is wrong."""
    if trial.accuracy_misses_it is None:
        return ""
    return "misses it" if trial.accuracy_misses_it else "shows it"


def missed_sentence(trials: Trials) -> str:
    """Say how many traps the ladder catches, how many the accuracy misses, and by which rule."""
    tested = [trial for trial in trials.trials if trial.accuracy_misses_it is not None]
    missed = sum(bool(trial.accuracy_misses_it) for trial in tested)
    caught = sum(trial.caught for trial in trials.trials)
    ladder = f"The ladder caught {caught} of {len(trials.trials)} at the declared rung."
    if not tested:
        return ladder
    near = sum(is_near(trials, trial) for trial in tested)
    return (
        f"{ladder} The test accuracy after {trials.training_steps} steps would have missed {missed} of "
        f"{len(tested)}: it was no lower than the right implementation's mean less two standard deviations "
        f"over seeds. {near} came within half a percentage point of that mean: without the right "
        "implementation to compare with, nobody would question them."
    )


def is_near(trials: Trials, trial: Trial) -> bool:
    """Return whether the accuracy is less than 0.5 points below the right implementation's mean."""
    for right in trials.right_runs:
        if (right.framework, right.dropout) == (trial.framework, trial.dropout):
            return (trial.test_accuracy or 0.0) > fmean(right.test_accuracies) - 0.005
    return False


def right_sentence(right: RightRun) -> str:
    accuracies = ", ".join(f"{value:.2%}" for value in right.test_accuracies)
    dropout = "active" if right.dropout else "inactive"
    return (
        f"Right {right.framework} implementation, dropout {dropout}: {accuracies}; "
        f"{right.lowest_unsuspected:.2%} or more raises no suspicion."
    )
