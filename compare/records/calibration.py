"""Reads and writes `calibration.json`: each trial with its raw medians, so that rates can be recalculated."""

from __future__ import annotations

from pathlib import Path

import msgspec

from compare.records.environment import Environment
from compare.records.files import write_json
from compare.records.reading import Kind, read_record

SCHEMA_VERSION = 1
FILE_NAME = "calibration.json"
LEAST_SHARE_WITHOUT_DIFFERENCE = 0.95  # share of the self-comparisons


class Trial(msgspec.Struct):
    """One comparison: the median step time of each launch, in seconds, and the harness's verdict."""

    variant: str
    slowdown: float  # the slowdown of the second side, as a fraction; 0 for a self-comparison
    launches: int
    steps: int
    baseline_medians: list[float]
    other_medians: list[float]
    estimate: float | None
    low: float | None
    high: float | None
    kind: str  # the `kind` of `compare.statistics.verdicts.Verdict`
    words: str


class Calibration(msgspec.Struct):
    """The content of calibration.json."""

    schema_version: int = SCHEMA_VERSION
    environment: Environment = msgspec.field(default_factory=Environment)
    versions: dict[str, str | None] = {}
    trials: list[Trial] = []

    def self_comparisons(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.slowdown]

    def slowed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.slowdown]

    @property
    def passed(self) -> bool:
        """Return whether enough self-comparisons say "no difference", and every slowdown is found."""
        same = [trial.kind == "no_difference" for trial in self.self_comparisons()]
        enough = not same or sum(same) >= LEAST_SHARE_WITHOUT_DIFFERENCE * len(same)
        return enough and all(trial.kind == "slower" for trial in self.slowed())


def write(calibration: Calibration, directory: Path) -> None:
    write_json(directory / FILE_NAME, calibration)


CALIBRATION = Kind(
    Calibration, (SCHEMA_VERSION,), "a calibration file", "a file of compare.calibrate", "Calibrate again."
)


def read(path: Path) -> Calibration:
    """Return a calibration.json. Raises UserError if the file is another, or has another schema version."""
    return read_record(path, CALIBRATION)
