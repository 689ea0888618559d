"""Defines `parity.json` of a porter's own network. Strict JSON; a figure that is not finite is null."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1

Verdict = Literal["pass", "fail", "not judged"]


class TaskRung(msgspec.Struct):
    """One rung. The figures belong to the tensor nearest to its tolerance, or furthest above it."""

    id: str  # "4a"
    name: str
    verdict: Verdict
    tensor: str = ""
    relative: float | None = None
    tolerance: float | None = None
    compared: int = 0  # the number of tensors
    first_failing: str | None = None
    reason: str | None = None  # a sentence; only on the failing rung
    hints: list[str] = []  # settings that differ, and the form of the difference
    notes: list[str] = []  # facts that are not failures but worth knowing


class TaskParity(msgspec.Struct):
    """The results of one climb of a porter's own network."""

    schema_version: int = SCHEMA_VERSION
    task: str = ""
    files: list[str] = []  # file names, without their folders
    dtype: str = "float64"
    device: str = "cpu"
    seed: int = 0
    reference: str = "tf"
    steps: int = 0
    parameters: int = 0
    versions: dict[str, dict[str, Any]] = {}
    exact: str | None = None  # the change that makes Keras's constants float64
    pairs: list[tuple[str, str]] = []  # pairs of layers: TensorFlow's path and torch's
    accepted: list[str] = []  # differences that the task names as known
    rungs: list[TaskRung] = []
    zero_tensors: list[str] = []  # gradients that are zero within rounding
    rules: dict[str, str] = {}  # by side, the rule that the steps of its optimizer follow
    losses: dict[str, list[float | None]] = {}
    seconds: float = 0.0
    passed: bool = False
    summary: str = ""

    @property
    def failing(self) -> TaskRung | None:
        return next((rung for rung in self.rungs if rung.verdict == "fail"), None)
