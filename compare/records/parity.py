"""`parity.json`: what the ladder found. Strict JSON; a figure that is not finite is null."""

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
    """Two sides' tensors compared; the figures are those of the tensor with the largest relative error."""

    left: str  # a label such as `torch:eager`
    right: str  # another label, `oracle`, or `spec`
    tensor: str
    max_abs: float | None  # None where there is no number: a name, a shape, a digest, NaN
    relative: float | None  # max_abs over the tensor's largest magnitude
    tolerance: float  # of `relative`
    passed: bool
    first_failing: str | None = None  # the first tensor, in order of computation, that fails
    detail: str | None = None  # what differs, where numbers do not say it
    group: str = ""  # of arrays that share a tolerance


class Rung(msgspec.Struct):
    """One rung's verdict. `wrong`: the labels that differ from the oracle or the spec."""

    number: int
    name: str
    verdict: Verdict
    differences: list[Difference] = []
    first_failing: str | None = None
    wrong: list[str] = []
    reason: str | None = None  # a sentence, on the failing rung

    @property
    def largest(self) -> Difference | None:
        """The difference to show: a failing one first, then the one nearest to its tolerance."""
        return max(self.differences, key=severity, default=None)


def severity(difference: Difference) -> tuple[bool, float]:
    if difference.relative is None:
        return not difference.passed, float("inf") if not difference.passed else 0.0
    return not difference.passed, difference.relative / (difference.tolerance or 1.0)


class Climb(msgspec.Struct):
    """One climb: a side, or a pair of sides, at one dtype, with dropout inactive or active."""

    labels: list[str]
    dtype: str
    dropout: bool
    steps: int
    judged_steps: int
    oracle_steps: int
    rungs: list[Rung]
    losses: dict[str, list[float | None]] = {}  # by label, one a step
    seconds: float = 0.0

    @property
    def height(self) -> int:
        """How many rungs hold."""
        return sum(rung.verdict == "pass" for rung in self.rungs)

    @property
    def passed(self) -> bool:
        return 0 < self.height == len(self.rungs)

    @property
    def failing(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.verdict == "fail"), None)


class Gate(msgspec.Struct):
    """`results.parity`: the ladder before a run. `rungs`: those of the failing climb, or of the first."""

    passed: bool
    summary: str  # one line
    rungs: list[Rung] = []
    climbs: list[Climb] = []
    left_out: dict[str, str] = {}  # by label, why it could not climb
    unavailable: list[str] = []  # those of them that cannot run on this machine
    dtype: str = "float64"
    steps: int = 0
    oracle_steps: int = 0
    tasks: list[TaskParity] = []  # of a porter's own network, in its stead: a climb for each dtype

    @property
    def wrong(self) -> set[str]:
        """Whom the failed climbs name as wrong; both sides, if the oracle does not decide."""
        failing = [(climb, climb.failing) for climb in self.climbs]
        return {label for climb, rung in failing if rung is not None for label in rung.wrong or climb.labels}


class SelfDivergence(msgspec.Struct):
    """One framework against itself in float32, a single thing changed."""

    label: str
    change: str  # in words
    loss_differences: list[float | None]  # absolute, one a step
    bitwise_equal: bool


class NoiseFloor(msgspec.Struct):
    """How far two frameworks part in float32, beside how far one parts from itself."""

    labels: list[str]
    dtype: str
    dropout: bool
    losses: dict[str, list[float | None]]
    pair_differences: list[float | None]  # absolute, one a step
    selves: list[SelfDivergence]
    ratio: float  # of root mean squares: the pair over the largest self-divergence
    limit: float
    passed: bool
    sentence: str


class ProvedData(msgspec.Struct):
    """The data set that a ladder was climbed with."""

    source: str
    sha256: str


class Options(msgspec.Struct, kw_only=True):
    """The options of `compare.parity`, without paths of the machine; a reader's module by its file's name."""

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
    """What parity.json holds."""

    schema_version: int = SCHEMA_VERSION
    config: Options
    environment: Environment = msgspec.field(default_factory=Environment)
    versions: dict[str, dict[str, str | None]] = {}  # by label
    climbs: list[Climb] = []
    noise_floor: NoiseFloor | None = None
    left_out: dict[str, str] = {}  # by label, why it could not start
    passed: bool = False
    summary: str = ""


PARITY = Kind(
    Parity, (SCHEMA_VERSION,), "a parity file", "a file that compare.parity wrote", "Climb the ladder again."
)


def read(path: Path) -> Parity:
    """Return a parity.json. Raises UserError if it is not one, or of another schema version."""
    return read_record(path, PARITY)
