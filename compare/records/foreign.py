"""Reads and checks a results.json, which may come from anyone.

compare/records/results.py defines the types of its fields. This module checks the rules that types cannot
express.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from compare.errors import UserError
from compare.inference_forms import FORMS_BY_NAME
from compare.labels import Label
from compare.numbers import count
from compare.pipelines import PIPELINES_BY_NAME
from compare.records.reading import Kind, decoded, read_content, read_record
from compare.records.results import (
    FILE_NAME,
    READABLE_VERSIONS,
    SCHEMA_VERSION,
    Launch,
    Results,
    name_machine,
)

LONGEST_LABEL = 200
BATCH_SIZE = re.compile(r"[1-9][0-9]{0,8}")
AGAIN = "Use the file as compare.run wrote it, or run the comparison again."
RESULTS = Kind(Results, READABLE_VERSIONS, "a results file", "a directory that compare.run wrote", AGAIN)


def results_path(place: Path) -> Path:
    """Return the path of results.json for a run that is named by its directory or by this file."""
    return place / FILE_NAME if place.is_dir() else place


def read_results(place: Path) -> Results:
    """Return the results in a run's directory. Raises UserError if there are none, or they are not valid."""
    path = results_path(place)
    results = read_record(path, RESULTS)
    if not results.machines:
        name_machine(results)
    results.schema_version = SCHEMA_VERSION
    check(results, path)
    return results


def refuse_unknown_fields(place: Path, results: Results) -> None:
    """Raise UserError if the file holds fields that `results`, read from it, would lose when written."""
    path = results_path(place)
    held = decoded(path, read_content(path, RESULTS), RESULTS, dict[str, Any])
    lost = next(fields_missing(held, msgspec.to_builtins(results)), None)
    if lost is not None:
        raise UserError(
            f"{path} holds the field {lost}, which this version does not know and would lose.\n"
            "Use the version of lenet-compare that wrote it."
        )


def fields_missing(held: Any, known: Any, place: str = "") -> Iterator[str]:
    """Yield the path of each field of `held` that `known` lacks. Both are plain values."""
    if isinstance(held, dict) and isinstance(known, dict):
        for name, value in held.items():
            if name not in known:
                yield f"{place}{name}"[:200]
            else:
                yield from fields_missing(value, known[name], f"{place}{name}.")
    elif isinstance(held, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(held, known, strict=False)):
            yield from fields_missing(one, other, f"{place}{number}.")


def check(results: Results, path: Path) -> None:
    """Raise UserError, naming the file and the first broken rule."""
    for number, run in enumerate(results.runs + results.thread_runs):
        if problem := next(problems(run, results.machines, with_accuracy=not results.config.task), None):
            raise UserError(f"{path}: run {number} ({run.label[:50]!r}): {problem}.\n{AGAIN}")
    for problem in job_problems(results):
        raise UserError(f"{path}: {problem}.\n{AGAIN}")
    for climb in results.parity.climbs if results.parity else ():
        for text in [*climb.labels, *climb.losses]:
            if Label.read_or_none(text) is None:
                raise UserError(f"{path}: parity: {text[:50]!r} is not a label such as torch:eager.\n{AGAIN}")


def is_label(run: Launch) -> bool:
    """Return whether the label is valid and names the row's own variant."""
    label = Label.read_or_none(run.label)
    return (
        label is not None
        and run.label == Label(run.framework, run.variant, label.number, ranks=label.ranks).entry
    )


def job_problems(results: Results) -> Iterator[str]:
    """Yield each rule that a row of a pipeline or of a form breaks."""
    for fed in results.input_runs:
        times = [
            *fed.step_seconds,
            *fed.alone_seconds,
            fed.first_batch_seconds or 1.0,
            fed.cpu_seconds or 1.0,
        ]
        if fed.label.partition("#")[0] not in PIPELINES_BY_NAME or Label.read_or_none(fed.label) is None:
            yield f"{fed.label[:50]!r} is not an input pipeline"
        elif (
            fed.status == "ok" and not len(fed.losses) == len(fed.step_seconds) == len(fed.alone_seconds) > 0
        ):
            yield f"{fed.label}, seed {fed.seed}: the numbers of losses and times must be equal"
        elif not all(0 < one < math.inf for one in times):
            yield f"{fed.label}, seed {fed.seed}: a time is not a positive number of seconds"
    for run in results.inference_runs:
        times = [run.build_seconds or 1.0, *(one for calls in run.call_seconds.values() for one in calls)]
        if run.label not in FORMS_BY_NAME:
            yield f"{run.label[:50]!r} is not a form of inference"
        elif run.status == "ok" and not ("1" in run.call_seconds and all(run.call_seconds.values())):
            yield f"{run.label}, seed {run.seed}: it has no times, or no times for one image"
        elif not all(size.isdecimal() for size in run.call_seconds):
            yield f"{run.label}, seed {run.seed}: a batch size is not a number"
        elif not all(0 < one < math.inf for one in times):
            yield f"{run.label}, seed {run.seed}: a time is not a positive number of seconds"


def problems_on_the_way(run: Launch) -> Iterator[str]:
    """Yield each rule that a row breaks in its evaluations during training and its CPU times."""
    steps = len(run.losses)
    if len(run.evaluated_steps) != len(run.evaluated_accuracies):
        yield "its evaluations during training have different numbers of steps and accuracies"
    if not all(0 < step <= steps for step in run.evaluated_steps):
        yield "it was evaluated after a step that it did not make"
    if not all(one is None or 0 <= one < math.inf for one in run.energy_joules):
        yield "an energy is not a number of joules"
    if run.step_cpu_seconds and len(run.step_cpu_seconds) != steps:
        times = count(len(run.step_cpu_seconds), "CPU time")
        yield f"it has {count(steps, 'loss')} and {times}; these numbers must be equal"


def problems(run: Launch, machines: Collection[str], *, with_accuracy: bool = True) -> Iterator[str]:
    """Yield each rule that a row breaks. with_accuracy: true for the embedded network, false for a task."""
    yield from problems_on_the_way(run)
    steps = len(run.losses)
    if len(run.label) > LONGEST_LABEL:
        yield f"its label has {len(run.label):,} characters; the limit is {LONGEST_LABEL}"
    elif not is_label(run):
        yield f"its label must be {run.framework}:{run.variant[:50]}, or the same with a number such as #2"
    if len(run.train_accuracies) != steps or len(run.step_seconds) != steps:
        times = count(len(run.step_seconds), "step time")
        yield (
            f"it has {count(steps, 'loss')}, {count(len(run.train_accuracies), 'training accuracy')} and "
            f"{times}; these numbers must be equal"
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
        yield "an accuracy is not between 0 and 1"
    if run.status == "ok" and with_accuracy and run.test_accuracy is None:
        yield "its status is ok, but it has no test accuracy"
    if run.status == "ok" and steps <= run.warmup_steps:
        yield "its status is ok, but it has no step after the warm-up"
    if run.machine not in machines:
        yield f"its machine {run.machine[:50]!r} is not in the file's list of machines"
    if not all(BATCH_SIZE.fullmatch(size) for size in run.batch_size_seconds):
        yield "a batch size is not a whole number of at least 1"
