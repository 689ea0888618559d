"""Reading a results.json, which may come from anyone: what it must hold before anything is made of it.

Its fields are typed in compare/records/results.py; here are the rules that types do not say, and the types
of the parts that are plain objects there.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from compare.errors import UserError
from compare.records.parity import Climb, Rung
from compare.records.results import FILE_NAME, SCHEMA_VERSION, Results, Run
from lenet_spec import LeNetSpec

LARGEST_BYTES = 1 << 29  # 10 seeds of all variants for 10,000 steps take a fifth of it
LONGEST_LABEL = 200
AGAIN = "Take the file as compare.run wrote it, or run the comparison again."


class Data(msgspec.Struct):
    source: str = ""
    sha256: str = ""
    train_images: int = 0
    test_images: int = 0
    doubts: list[str] = []


class Config(msgspec.Struct):
    """Of `results.config`, what a report reads."""

    device: str = ""
    variants: str = ""
    steps: int = 1
    batch_size: int = 1
    seeds: int = 1
    first_seed: int = 0
    dtype: str = ""
    threads: int = 1
    allocator: str = ""
    tf32: bool = False
    deterministic: bool = False
    dropout: bool = False
    data: Data = msgspec.field(default_factory=Data)
    spec: LeNetSpec = msgspec.field(default_factory=LeNetSpec)


class Moment(msgspec.Struct):
    """Of the card, before or after the run."""

    driver: str | None = None
    memory_bytes: int | None = None
    power_limit_watts: float | None = None
    utilization_percent: float | None = None
    other_processes: int | None = None
    slowed_seconds: dict[str, float | None] = {}


class Sample(msgspec.Struct):
    slowed_by: list[str] | None = None


class Card(msgspec.Struct):
    absent: str = ""
    before: Moment | None = None
    after: Moment | None = None
    samples: list[Sample] = []


class Environment(msgspec.Struct):
    """Of `results.environment`, what a report reads as more than text."""

    cpus_usable: int | None = None
    cpus_total: int | None = None
    memory_bytes: int | None = None
    load_average_1min: float | None = None
    cpu_mhz: list[float | None] = []
    card: Card | None = None


class Parity(msgspec.Struct):
    """Of `results.parity`, what a report reads."""

    passed: bool
    summary: str
    rungs: list[Rung] = []
    climbs: list[Climb] = []
    left_out: dict[str, str] = {}


def read_results(directory: Path) -> Results:
    """The results in a run's directory. Raises UserError where there are none, or they are not ours."""
    path = directory / FILE_NAME if directory.is_dir() else directory
    try:
        results = msgspec.json.decode(read_bytes(path), type=Results)
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror or error}\nName a directory that compare.run wrote."
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UserError(f"{path} is not a results file: {error}\nRun the comparison again.") from error
    if results.schema_version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema_version {results.schema_version}; this version reads {SCHEMA_VERSION}.\n"
            "Use the version of lenet-compare that wrote it."
        )
    check(results, path)
    return results


def read_bytes(path: Path) -> bytes:
    """A regular file of at most LARGEST_BYTES. Raises UserError for another, OSError where it cannot be read.

    A pipe is not waited for, nor a device read without end.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} must be a regular file, and is not. {AGAIN}")
        if status.st_size > LARGEST_BYTES:
            raise UserError(
                f"{path} has {status.st_size:,} bytes; the most that is read is {LARGEST_BYTES:,}. {AGAIN}"
            )
        return file.read(LARGEST_BYTES)


def check(results: Results, path: Path) -> None:
    """Raises UserError, naming the file and the first rule that it breaks."""
    for name, kind in (("config", Config), ("environment", Environment), ("parity", Parity)):
        value: Any = getattr(results, name)
        if value is None:
            continue
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise UserError(f"{path}: {name}: {error}\n{AGAIN}") from error
    for number, run in enumerate(results.runs + results.thread_runs):
        if problem := next(problems(run), None):
            raise UserError(f"{path}: run {number} ({run.label[:50]!r}): {problem}.\n{AGAIN}")


def problems(run: Run) -> Iterator[str]:
    """Each rule that a row breaks."""
    steps = len(run.losses)
    if len(run.label) > LONGEST_LABEL:
        yield f"its label has {len(run.label):,} characters; {LONGEST_LABEL} is the most"
    if len(run.train_accuracies) != steps or len(run.step_seconds) != steps:
        yield (
            f"it has {steps} losses, {len(run.train_accuracies)} accuracies and {len(run.step_seconds)} step "
            "times; they must be equally many"
        )
    if run.warmup_steps < 0:
        yield f"warmup_steps is {run.warmup_steps}; it must be at least 0"
    seconds = [run.step_seconds, *run.phase_seconds.values(), *run.batch_size_seconds.values()]
    if not all(0 < one < math.inf for many in seconds for one in many):
        yield "a time is not a positive number of seconds"
    if not all(math.isfinite(loss) for loss in run.losses):
        yield "a loss is not finite"
    shares = [*run.train_accuracies, *([] if run.test_accuracy is None else [run.test_accuracy])]
    if not all(0 <= share <= 1 for share in shares):
        yield "an accuracy is not within 0 and 1"
    if run.status == "ok" and (run.test_accuracy is None or steps <= run.warmup_steps):
        yield "its status is ok, but it has no test accuracy, or no step after the warm-up"
    if not all(size.isdecimal() for size in run.batch_size_seconds):
        yield "a batch size is not a whole number"
