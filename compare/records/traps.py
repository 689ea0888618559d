"""`traps.json`: what the ladder, and a look at the accuracy, made of every trap."""

from __future__ import annotations

from pathlib import Path

import msgspec

from compare.records.environment import Environment
from compare.records.parity import Rung
from compare.records.reading import Kind, read_record

SCHEMA_VERSION = 1
FILE_NAME = "traps.json"


class Trial(msgspec.Struct):
    """One trap on the ladder in float64, then trained as a user would, in float32.

    The accuracy is None where the trap was not asked to be trained.
    """

    name: str
    mistake: str
    framework: str
    dropout: bool
    declared_rung: int
    caught_rung: int | None  # None: it slipped through
    first_failing: str | None
    reason: str | None
    rungs: list[Rung]
    declared_dtype: str = "float64"
    caught_dtype: str = "float64"  # of the climb that `rungs` are of
    losses: list[float] = []  # float32, one a step
    test_accuracy: float | None = None
    accuracy_misses_it: bool | None = None  # within the spread of the right implementation's seeds

    @property
    def caught(self) -> bool:
        return (self.caught_rung, self.caught_dtype) == (self.declared_rung, self.declared_dtype)


class RightRun(msgspec.Struct):
    """The right implementation, trained on several seeds: what a look at the accuracy has to go by.

    `lowest_unsuspected`: mean minus two standard deviations over seeds. A trap that reaches it looks right.
    """

    framework: str
    dropout: bool
    losses: list[float]  # of the traps' seed
    test_accuracies: list[float]  # one a seed, the traps' seed first
    lowest_unsuspected: float


class Options(msgspec.Struct):
    """What decides a trial's figures, beside its steps."""

    seed: int
    batch_size: int
    threads: int


class Trials(msgspec.Struct, kw_only=True):
    """What traps.json holds."""

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
        """|loss - the right run's|, one a step."""
        for right in self.right_runs:
            if (right.framework, right.dropout) == (trial.framework, trial.dropout):
                return [abs(a - b) for a, b in zip(trial.losses, right.losses, strict=False)]
        return []


TRAPS = Kind(
    Trials, (SCHEMA_VERSION,), "a traps file", "a file of compare.parity --traps", "Try the traps again."
)


def read(path: Path) -> Trials:
    """Return a traps.json. Raises UserError if it is not one, or of another schema version."""
    return read_record(path, TRAPS)
