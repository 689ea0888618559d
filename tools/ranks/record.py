"""Defines docs/results/ranks.json: a list for each part. Each part is measured separately."""

from __future__ import annotations

from pathlib import Path

import msgspec

from compare.records import machine
from compare.records.environment import Environment
from compare.records.parity import Verdict

RESULT = machine.ROOT / "docs" / "results" / "ranks.json"


class ProofRung(msgspec.Struct):
    """One rung of a climb. relative: the largest difference, over the largest value of its tensor."""

    number: int
    name: str
    verdict: Verdict
    tensor: str | None = None
    relative: float | None = None
    tolerance: float | None = None


class Proof(msgspec.Struct):
    """One variant with so many ranks on the ladder. reason: the rung, tensor and variant of a failure."""

    variant: str
    ranks: int
    dropout: bool
    batch_size: int
    steps: int
    passed: bool
    rungs: list[ProofRung] = []
    reason: str | None = None


class LongTraining(msgspec.Struct):
    """A group of ranks against one process. largest_difference: of two losses of one step, in float64."""

    variant: str
    ranks: int
    steps: int
    batch_size: int
    largest_difference: float


class TriedTrap(msgspec.Struct):
    """One known mistake in a real group: the rung that caught it, and the accuracy that it reached."""

    name: str
    mistake: str
    framework: str
    ranks: int
    dropout: bool
    declared_rung: int
    caught_rung: int | None
    first_failing: str | None
    reason: str | None
    training_steps: int
    test_accuracy: float | None
    lowest_unsuspected: float  # accuracy of the right training: mean minus two deviations over seeds
    accuracy_misses_it: bool | None


class ArmTime(msgspec.Struct):
    """One arm's median step in one launch."""

    name: str
    median_step_seconds: float


class Launch(msgspec.Struct):
    """The arms of one variant, interleaved, in fresh processes."""

    variant: str
    seed: int
    steps: int
    batch_size: int
    arms: list[ArmTime]


class Link(msgspec.Struct):
    """Two ranks in two network namespaces. mbit: the link's limit, None without one.

    largest_difference: of the losses, from those of one process in float64.
    """

    variant: str
    mbit: int | None
    steps: int
    batch_size: int
    gradient_bytes: int
    median_step_seconds: float
    largest_difference: float | None = None


class Kill(msgspec.Struct):
    """A rank of three killed while they trained."""

    variant: str
    rank: int
    after_seconds: float
    named_rightly: bool
    left_running: int


class Record(msgspec.Struct):
    """Every part that was measured, and on which machine."""

    environments: dict[str, Environment] = {}
    proofs: list[Proof] = []
    losses: list[LongTraining] = []
    traps: list[TriedTrap] = []
    arms: list[Launch] = []
    hosts: list[Link] = []
    kills: list[Kill] = []


def read(path: Path) -> Record:
    """Return a record."""
    return msgspec.json.decode(path.read_bytes(), type=Record)
