"""Defines `traps.json`: the verdicts of the ladder, and of the test accuracy, on every trap."""

from __future__ import annotations

from pathlib import Path

import msgspec

from compare.records.environment import Environment
from compare.records.parity import Rung
from compare.records.reading import Kind, read_record

SCHEMA_VERSION = 1
FILE_NAME = "traps.json"


class Trial(msgspec.Struct):
    """A trap on the ladder in float64, then trained in float32, as a user would train it.

    The accuracy is None if the trap was not trained.
    """

    name: str
    mistake: str
    framework: str
    dropout: bool
    declared_rung: int
    caught_rung: int | None  # None: no rung caught it
    first_failing: str | None
    reason: str | None
    rungs: list[Rung]
    declared_dtype: str = "float64"
    caught_dtype: str = "float64"  # the dtype of the climb in `rungs`
    losses: list[float] = []  # in float32, one entry per step
    test_accuracy: float | None = None
    accuracy_misses_it: bool | None = None  # true if it is within the right seeds' spread

    @property
    def caught(self) -> bool:
        return (self.caught_rung, self.caught_dtype) == (self.declared_rung, self.declared_dtype)


class RightRun(msgspec.Struct):
    """The right implementation, trained on several seeds. A trap's accuracy is compared with these.

    `lowest_unsuspected`: mean minus two standard deviations over seeds. A trap that reaches it looks right.
    """

    framework: str
    dropout: bool
    losses: list[float]  # for the seed of the traps
    test_accuracies: list[float]  # one per seed; the traps' seed comes first
    lowest_unsuspected: float


class Options(msgspec.Struct):
    """The options, apart from the steps, that determine a trial's figures."""

    seed: int
    batch_size: int
    threads: int


class Trials(msgspec.Struct, kw_only=True):
    """The content of traps.json."""

    schema_version: int = SCHEMA_VERSION
    config: Options
    environment: Environment = msgspec.field(default_factory=Environment)
    ladder_steps: int = 0
    training_steps: int = 0
    right_runs: list[RightRun] = []
    trials: list[Trial] = []

    @property
    def passed(self) -> bool:
        return all(trial.caught for trial in self.trials)

    def loss_gaps(self, trial: Trial) -> list[float]:
        """Return |loss - the right run's loss| at each step."""
        for right in self.right_runs:
            if (right.framework, right.dropout) == (trial.framework, trial.dropout):
                return [abs(a - b) for a, b in zip(trial.losses, right.losses, strict=False)]
        return []


TRAPS = Kind(
    Trials, (SCHEMA_VERSION,), "a traps file", "a file of compare.parity --traps", "Try the traps again."
)


def read(path: Path) -> Trials:
    """Return a traps.json. Raises UserError if the file is another, or has another schema version."""
    return read_record(path, TRAPS)
