"""Defines `parity.json`, the results of the ladder. Strict JSON; a figure that is not finite is null."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from compare.records.environment import Environment
from compare.records.reading import Kind, read_record
from compare.records.task import TaskParity

SCHEMA_VERSION = 1
FILE_NAME = "parity.json"

Verdict = Literal["pass", "fail", "not judged"]


class Difference(msgspec.Struct):
    """A comparison of two sides' tensors. The figures are those of the tensor with the largest error."""

    left: str  # a label such as `torch:eager`
    right: str  # another label, `oracle`, or `spec`
    tensor: str
    max_abs: float | None  # None if there is no number: for a name, a shape, a digest, or NaN
    relative: float | None  # max_abs divided by the tensor's largest magnitude
    tolerance: float  # the limit of `relative`
    passed: bool
    first_failing: str | None = None  # the first tensor, in order of computation, that fails
    detail: str | None = None  # the difference, in words, if numbers do not show it
    group: str = ""  # the name of a group of arrays that share a tolerance


class Rung(msgspec.Struct):
    """The verdict of one rung. `wrong`: the labels that differ from the oracle or the spec."""

    number: int
    name: str
    verdict: Verdict
    differences: list[Difference] = []
    first_failing: str | None = None
    wrong: list[str] = []
    reason: str | None = None  # a sentence; only on the failing rung

    @property
    def largest(self) -> Difference | None:
        """Return the difference to show: a failing one if any, else the one nearest to its tolerance."""
        return max(self.differences, key=severity, default=None)


def severity(difference: Difference) -> tuple[bool, float]:
    if difference.relative is None:
        return not difference.passed, float("inf") if not difference.passed else 0.0
    return not difference.passed, difference.relative / (difference.tolerance or 1.0)


class Climb(msgspec.Struct):
    """One climb of a side, or of a pair of sides, in one dtype, with dropout inactive or active."""

    labels: list[str]
    dtype: str
    dropout: bool
    steps: int
    judged_steps: int
    oracle_steps: int
    rungs: list[Rung]
    losses: dict[str, list[float | None]] = {}  # by label, one entry per step
    seconds: float = 0.0

    @property
    def height(self) -> int:
        """Return how many rungs hold."""
        return sum(rung.verdict == "pass" for rung in self.rungs)

    @property
    def passed(self) -> bool:
        return 0 < self.height == len(self.rungs)

    @property
    def failing(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.verdict == "fail"), None)


class Gate(msgspec.Struct):
    """The ladder before a run (`results.parity`). `rungs`: those of the failing climb, or the first climb."""

    passed: bool
    summary: str  # one line
    rungs: list[Rung] = []
    climbs: list[Climb] = []
    left_out: dict[str, str] = {}  # by label, the reason why it could not climb
    unavailable: list[str] = []  # the left-out labels that cannot run on this machine
    dtype: str = "float64"
    steps: int = 0
    oracle_steps: int = 0
    tasks: list[TaskParity] = []  # for a porter's own network, in place of `climbs`: one for each dtype

    @property
    def wrong(self) -> set[str]:
        """Return the labels that failed climbs name as wrong; both sides if the oracle cannot decide."""
        failing = [(climb, climb.failing) for climb in self.climbs]
        return {label for climb, rung in failing if rung is not None for label in rung.wrong or climb.labels}


class SelfDivergence(msgspec.Struct):
    """A comparison of one framework with itself in float32, after one change."""

    label: str
    change: str  # the change, in words
    loss_differences: list[float | None]  # absolute differences, one per step
    bitwise_equal: bool


class NoiseFloor(msgspec.Struct):
    """The loss difference between two frameworks in float32, and between each framework and itself."""

    labels: list[str]
    dtype: str
    dropout: bool
    losses: dict[str, list[float | None]]
    pair_differences: list[float | None]  # absolute differences, one per step
    selves: list[SelfDivergence]
    ratio: float  # root mean square of the pair, divided by that of the largest self-divergence
    limit: float
    passed: bool
    sentence: str


class ProvedData(msgspec.Struct):
    """The data set of a climb."""

    source: str
    sha256: str


class Options(msgspec.Struct, kw_only=True):
    """The options of `compare.parity`, without paths of the machine. User modules: their file names."""

    steps: int
    dtype: str
    device: str
    variants: str
    seed: int
    batch_size: int
    dropout: str
    oracle_steps: int
    noise_floor: bool = False
    torch_module: str | None = None
    tensorflow_module: str | None = None
    trap: str | None = None
    traps: bool = False
    trap_steps: int = 0
    threads: int
    timeout: float = 600.0
    data: ProvedData


class Parity(msgspec.Struct, kw_only=True):
    """The content of parity.json."""

    schema_version: int = SCHEMA_VERSION
    config: Options
    environment: Environment = msgspec.field(default_factory=Environment)
    versions: dict[str, dict[str, str | None]] = {}  # by label
    climbs: list[Climb] = []
    noise_floor: NoiseFloor | None = None
    left_out: dict[str, str] = {}  # by label, the reason why it could not start
    passed: bool = False
    summary: str = ""


PARITY = Kind(
    Parity, (SCHEMA_VERSION,), "a parity file", "a file that compare.parity wrote", "Climb the ladder again."
)


def read(path: Path) -> Parity:
    """Return a parity.json. Raises UserError if the file is another, or has another schema version."""
    return read_record(path, PARITY)
