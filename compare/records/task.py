"""`parity.json` of a porter's own network. Strict JSON; a figure that is not finite is null."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1

Verdict = Literal["pass", "fail", "not judged"]


class TaskRung(msgspec.Struct):
    """tensor, relative, tolerance: of the tensor nearest to, or furthest beyond, its tolerance."""

    id: str  # "4a"
    name: str
    verdict: Verdict
    tensor: str = ""
    relative: float | None = None
    tolerance: float | None = None
    compared: int = 0  # tensors
    first_failing: str | None = None
    reason: str | None = None  # a sentence, on the failing rung
    hints: list[str] = []  # settings that differ, and the form of the difference
    notes: list[str] = []  # what is no failure, and worth knowing


class TaskParity(msgspec.Struct):
    """What one climb of a porter's own network found."""

    schema_version: int = SCHEMA_VERSION
    task: str = ""
    files: list[str] = []  # names, without their folders
    dtype: str = "float64"
    device: str = "cpu"
    seed: int = 0
    reference: str = "tf"
    steps: int = 0
    parameters: int = 0
    versions: dict[str, dict[str, Any]] = {}
    exact: str | None = None  # what was changed so that Keras's constants are float64
    pairs: list[tuple[str, str]] = []  # layers, TensorFlow's and torch's
    accepted: list[str] = []  # differences that the task names as known
    rungs: list[TaskRung] = []
    zero_tensors: list[str] = []  # gradients that are zero within rounding
    rules: dict[str, str] = {}  # by side, the optimizer's rule that its own steps follow
    losses: dict[str, list[float | None]] = {}
    seconds: float = 0.0
    passed: bool = False
    summary: str = ""

    @property
    def failing(self) -> TaskRung | None:
        return next((rung for rung in self.rungs if rung.verdict == "fail"), None)
