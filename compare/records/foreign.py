"""Reading a results.json, which may come from anyone: what it must hold before anything is made of it.

Its fields are typed in compare/records/results.py; here are the rules that types do not say.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from compare.errors import UserError
from compare.labels import Label
from compare.records.results import FILE_NAME, READABLE_VERSIONS, SCHEMA_VERSION, Results, Run, name_machine

LARGEST_BYTES = 1 << 29  # 10 seeds of all variants for 10,000 steps take a fifth of it
LONGEST_LABEL = 200
AGAIN = "Take the file as compare.run wrote it, or run the comparison again."
T = TypeVar("T")


class Version(msgspec.Struct):
    """Of any version's file, the one field that all versions have."""

    schema_version: int = SCHEMA_VERSION


def results_path(place: Path) -> Path:
    """Of a run that is named by its directory or by a results file."""
    return place / FILE_NAME if place.is_dir() else place


def read_results(place: Path) -> Results:
    """Return the results in a run's directory. Raises UserError if there are none, or they are not ours."""
    path = results_path(place)
    content = read_content(path)
    version = decoded(path, content, Version).schema_version
    if version not in READABLE_VERSIONS:
        known = " and ".join(map(str, READABLE_VERSIONS))
        raise UserError(
            f"{path} has schema_version {version}; this version reads {known}.\n"
            "Use the version of lenet-compare that wrote it."
        )
    results = decoded(path, content, Results)
    if not results.machines:
        name_machine(results)
    results.schema_version = SCHEMA_VERSION
    check(results, path)
    return results


def decoded(path: Path, content: bytes, kind: type[T]) -> T:
    """Return the content as a type. Raises UserError if it is not of that type, or no JSON."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UserError(f"{path} is not a results file: {error}\n{AGAIN}") from error


def refuse_unknown_fields(place: Path, results: Results) -> None:
    """Raise UserError if the file holds fields that `results`, read from it, would lose when written."""
    path = results_path(place)
    held = decoded(path, read_content(path), dict[str, Any])
    lost = next(fields_missing(held, msgspec.to_builtins(results)), None)
    if lost is not None:
        raise UserError(
            f"{path} holds the field {lost}, which this version does not know and would lose.\n"
            "Go on with the version of lenet-compare that wrote it."
        )


def fields_missing(held: Any, known: Any, place: str = "") -> Iterator[str]:
    """Yield the path of each field in `held` that `known`, plain values too, has not."""
    if isinstance(held, dict) and isinstance(known, dict):
        for name, value in held.items():
            if name not in known:
                yield f"{place}{name}"[:200]
            else:
                yield from fields_missing(value, known[name], f"{place}{name}.")
    elif isinstance(held, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(held, known, strict=False)):
            yield from fields_missing(one, other, f"{place}{number}.")


def read_content(path: Path) -> bytes:
    """Return a regular file's bytes. Raises UserError if there is none, or it cannot be read."""
    try:
        return read_bytes(path)
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror or error}\nName a directory that compare.run wrote."
        ) from error


def read_bytes(path: Path) -> bytes:
    """Read a regular file of at most LARGEST_BYTES. Raises UserError for another, OSError if unreadable.

    A pipe is not waited for, nor a device read without end.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} must be a regular file, and is not. {AGAIN}")
        if status.st_size > LARGEST_BYTES:
            raise UserError(f"{path} has {status.st_size:,} bytes; the limit is {LARGEST_BYTES:,}. {AGAIN}")
        return file.read(LARGEST_BYTES)


def check(results: Results, path: Path) -> None:
    """Raise UserError, naming the file and the first rule that it breaks."""
    for number, run in enumerate(results.runs + results.thread_runs):
        if problem := next(problems(run, results.machines), None):
            raise UserError(f"{path}: run {number} ({run.label[:50]!r}): {problem}.\n{AGAIN}")


def is_label(run: Run) -> bool:
    """Whether the label is one, and of the row's own variant."""
    try:
        return run.label == Label(run.framework, run.variant, Label.read(run.label).number).entry
    except ValueError:
        return False


def problems(run: Run, machines: Collection[str]) -> Iterator[str]:
    """Each rule that a row breaks."""
    steps = len(run.losses)
    if len(run.label) > LONGEST_LABEL:
        yield f"its label has {len(run.label):,} characters; {LONGEST_LABEL} is the most"
    elif not is_label(run):
        yield f"its label must be {run.framework}:{run.variant[:50]}, or that with a number such as #2"
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
    if run.machine not in machines:
        yield f"its machine {run.machine[:50]!r} is not among those of the file"
    if not all(size.isdecimal() for size in run.batch_size_seconds):
        yield "a batch size is not a whole number"
