"""Whole commands over stand-in workers (tests/faults/stand_in.py), so that a run takes seconds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands import ROOT, command, interpreter, processes_of, results_of, small_data

SEEDS, STEPS = 2, 12


@dataclass(frozen=True)
class Place:
    """Data, an interpreter and temporary files of a test's own. No data: MNIST and the real frameworks."""

    data: Path | None
    python: Path
    temporary: Path
    batch_size: int = 2

    @classmethod
    def create(cls, directory: Path) -> Place:
        temporary = directory / "temporary"
        temporary.mkdir(parents=True)
        return cls(small_data(directory / "data"), interpreter(directory / "python"), temporary)

    @classmethod
    def real(cls, directory: Path) -> Place:
        temporary = directory / "temporary"
        temporary.mkdir(parents=True)
        return cls(None, Path(sys.executable), temporary, batch_size=128)

    def where(self) -> list[str]:
        """Return the options that no record holds."""
        pythons = ["--tf-python", str(self.python), "--torch-python", str(self.python)]
        return [*pythons, *(["--data-dir", str(self.data)] if self.data else [])]

    def start(self, out: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "compare.run", *self.options(out)],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, out: Path, *, before: Callable[[], object] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return command(*self.options(out), env=self.environment(), before=before)

    def resume(self, directory: Path, *options: object) -> subprocess.CompletedProcess[str]:
        return command("--resume", directory, *self.where(), *options, env=self.environment())

    def options(self, out: Path) -> list[str]:
        sizes = ["--seeds", str(SEEDS), "--steps", str(STEPS), "--batch-size", str(self.batch_size)]
        return ["--out", str(out), *sizes, *self.where()]

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"TMPDIR": str(self.temporary)}


@dataclass(frozen=True)
class Finished:
    """A run that ended well."""

    directory: Path
    seconds: float


Outcome = dict[tuple[str, int], Any]


def outcome(directory: Path) -> Outcome:
    """Return what a run found that must not depend on how often it was cut off."""
    return {
        (run["label"], run["seed"]): (
            run["status"],
            run["losses"],
            run["train_accuracies"],
            run["test_accuracy"],
            run["batches_sha256"],
        )
        for run in results_of(directory)["runs"]
    }


def kill_at(place: Place, out: Path, moment_seconds: float) -> bool:
    """Start a run and kill its parent process after so long; return whether it was still at work."""
    process = place.start(out)
    try:
        process.wait(moment_seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def moments(count: int, longest_seconds: float, seed: int) -> list[float]:
    """Random moments, one in each of `count` equal parts of a run."""
    draw = random.Random(seed)
    part = longest_seconds / count
    return [(number + draw.random()) * part for number in range(count)]


def workers_left(directory: Path, patience_seconds: float = 5) -> list[str]:
    """Return processes that still work for a run whose parent is gone; the kernel ends them in moments."""
    end = time.monotonic() + patience_seconds
    while (left := processes_of(directory)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def half_written(directory: Path) -> list[str]:
    """Return the names of files that were being written."""
    return [path.name for path in directory.rglob(".*") if path.is_file() and path.name != ".lock"]
