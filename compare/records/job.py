"""Defines the records of `--inputs` and `--inference` in results.json: raw samples of each launch."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["ok", "failed", "unavailable"]


class InputsRun(msgspec.Struct, kw_only=True):
    """A launch of a framework's eager step, fed by an input pipeline. Lists hold one entry per step."""

    framework: Literal["tf", "torch"]
    label: str  # `framework:pipeline`, with `#2` for its second place in --inputs
    seed: int
    device: str
    status: Status = "failed"
    reason: str | None = "not started"
    losses: list[float] = []  # identical to those of the eager launch of this seed, to the last bit
    step_seconds: list[float] = []  # from the end of the previous step until the loss is on the host
    first_batch_seconds: float | None = None
    alone_seconds: list[float] = []  # one entry per batch, for the pipeline alone, with its batches unused
    cpu_seconds: float | None = None  # the time of all threads and children, over all steps
    machine: str = ""


class InferenceRun(msgspec.Struct, kw_only=True):
    """A launch of a form of the trained model."""

    framework: Literal["tf", "torch"]
    label: str  # `framework:form`
    seed: int
    device: str
    threads: int
    status: Status = "failed"
    reason: str | None = "not started"
    build_seconds: float | None = None  # until the first answer
    call_seconds: dict[str, list[float]] = {}  # by batch size, one entry per call
    largest_error: float | None = None  # of the logits, relative to the oracle's largest logit
    machine: str = ""
