"""Writes TensorBoard's event files of a run's curves: one directory per launch. Imports no framework.

`tensorboard.summary.writer.EventFileWriter` is not used: it imports TensorFlow if it is installed, and puts
the machine's name into the file's name. TensorBoard's record writer and messages do neither.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.errors import UserError
from compare.records.files import write_atomically
from compare.records.results import Launch, Results, file_stem

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

DIRECTORY = "tensorboard"
FILE_NAME = "events.out.tfevents.0.lenet-compare"  # TensorBoard looks for "tfevents" in the name


def check_available() -> None:
    """Raise UserError if the tensorboard package is missing. A run calls this before the training."""
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--tensorboard needs the tensorboard package: {error}\n"
            "Install it with: pip install tensorboard. It needs no TensorFlow."
        ) from error


def write_events(results: Results, directory: Path) -> list[Path]:
    """Write `directory`/tensorboard/<label>-<device>-seed<n>/ for every launch with at least one step.

    The scalars, which the format stores as float32, are loss, train_accuracy and step_seconds by step,
    counted from 0, and test_accuracy after the last step. The time of an event is the sum of the step times
    so far, so that TensorBoard's "relative" axis compares training time. Returns the files.
    """
    written = []
    for run in results.runs:
        if not run.losses:
            continue
        folder = directory / DIRECTORY / file_stem(run)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FILE_NAME, event_file(run))
        written.append(folder / FILE_NAME)
    return written


def event_file(run: Launch) -> bytes:
    """Return the events of one launch as length-prefixed, checksummed records."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in events(run):
        writer.write(event.SerializeToString())
    return content.getvalue()


def events(run: Launch) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event

    yield Event(file_version="brain.Event:2", wall_time=0.0)
    elapsed = 0.0
    steps = zip(run.losses, run.train_accuracies, run.step_seconds, strict=True)
    for step, (loss, accuracy, seconds) in enumerate(steps):
        elapsed += seconds
        scalars = {"loss": loss, "train_accuracy": accuracy, "step_seconds": seconds}
        yield Event(step=step, wall_time=elapsed, summary=summary(scalars))
    if run.test_accuracy is not None:
        scalars = {"test_accuracy": run.test_accuracy}
        yield Event(step=len(run.losses), wall_time=elapsed, summary=summary(scalars))


def summary(scalars: dict[str, float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()])
