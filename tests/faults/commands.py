"""What the tests of faults share: stand-in interpreters, a small data set, commands, and what they leave."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.data.idx_files import pixels, write_set

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests" / "faults" / "stand_in.py"
TRAINING_IMAGES = 5_040  # 5,000 are set aside
TEST_IMAGES = 30
SMALL = ("--seeds", "1", "--steps", "30", "--batch-size", "2")


def small_data(directory: Path) -> Path:
    """Return a sound set, small enough to be read in no time."""
    arrays = {
        "train-images-idx3-ubyte": pixels(TRAINING_IMAGES, 28, 28, seed=1),
        "train-labels-idx1-ubyte": (np.arange(TRAINING_IMAGES) % 10).astype(np.uint8),
        "t10k-images-idx3-ubyte": pixels(TEST_IMAGES, 28, 28, seed=2),
        "t10k-labels-idx1-ubyte": (np.arange(TEST_IMAGES) % 10).astype(np.uint8),
    }
    return write_set(directory, arrays)


def interpreter(
    path: Path, plans: Mapping[str, Mapping[str, str]] | None = None, *, before: str = ""
) -> Path:
    """Write a program in an interpreter's place: `stand_in.py` with these plans, after lines `before`."""
    plan_path = path.with_suffix(".json")
    plan_path.write_text(json.dumps(plans or {}))
    stand_in = shlex.join([sys.executable, "-E", "-P", str(STAND_IN), str(plan_path)])
    return script(path, f'{before}\nexec {stand_in} "$@"\n')


def script(path: Path, lines: str) -> Path:
    """Write a shell script that can be executed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def command(
    *options: object, module: str = "compare.run", cwd: Path = ROOT, **kwargs: Any
) -> subprocess.CompletedProcess[str]:
    """Run one of the commands, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, options)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=300,
        check=False,
        **kwargs,
    )


def results_of(directory: Path) -> dict[str, Any]:
    """Return what results.json of a run holds."""
    found: dict[str, Any] = json.loads((directory / "results.json").read_text())
    return found


def processes_of(directory: Path) -> list[str]:
    """Command lines of processes, other than this one, that hold or name something in a directory."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            temporary = process.environ().get("TMPDIR", "")
        except psutil.Error:
            continue
        if process.pid != os.getpid() and (str(directory) in line or temporary.startswith(str(directory))):
            found.append(line)
    return found


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> str:
    """Exit status 2 and one or two lines on standard error that hold every part; returns them."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in done.stderr, done.stderr
    return done.stderr
