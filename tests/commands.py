"""Commands as a user runs them, stand-in interpreters to run them with, and what they leave."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.data.idx_files import pixels, write_set

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = ROOT / "tests" / "faults" / "stand_in.py"
LAST_WORDS = "what the framework printed last"  # of a stand-in that is about to misbehave
TRAINING_IMAGES = 44  # 3 are set aside
TEST_IMAGES = 30
SMALL = ("--seeds", "1", "--steps", "30", "--batch-size", "2")
WIDE = os.environ | {"COLUMNS": "400"}  # a terminal that folds no line
WORKER_NEEDS = ("numpy", "numpy.libs", "msgspec", "safetensors")  # and its framework, and nothing else


def command(
    *options: object,
    module: str = "compare.run",
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    timeout_seconds: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run one of the commands, and return how it ended. before: what its process does first."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, options)],
        cwd=cwd,
        env=env,
        preexec_fn=before,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout_seconds,
        check=False,
    )


def small_data(directory: Path) -> Path:
    """Write a sound set, small enough to be read in no time."""
    arrays = {
        "train-images-idx3-ubyte": pixels(TRAINING_IMAGES, 28, 28, seed=1),
        "train-labels-idx1-ubyte": (np.arange(TRAINING_IMAGES) % 10).astype(np.uint8),
        "t10k-images-idx3-ubyte": pixels(TEST_IMAGES, 28, 28, seed=2),
        "t10k-labels-idx1-ubyte": (np.arange(TEST_IMAGES) % 10).astype(np.uint8),
    }
    return write_set(directory, arrays)


def small_run(directory: Path, *, tf: Path | None = None, torch: Path | None = None) -> list[object]:
    """Return options for two steps on a small data set, to `directory`/out, by stand-ins unless named."""
    pythons = [path or interpreter(directory / "python") for path in (tf, torch)]
    places = ["--data-dir", small_data(directory / "data"), "--out", directory / "out"]
    return [*SMALL, "--steps", 2, *places, "--tf-python", pythons[0], "--torch-python", pythons[1]]


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


def bare_python(directory: Path) -> Path:
    """Make an interpreter that has what a worker needs, but no framework."""
    venv.create(directory, with_pip=False, symlinks=True)
    for package in WORKER_NEEDS:
        source = Path(np.__file__).parents[1] / package
        if source.exists():
            (site_of(directory) / package).symlink_to(source)
    return directory / "bin" / "python"


def site_of(environment: Path) -> Path:
    """Return where an environment has its packages."""
    return next((environment / "lib").glob("python*/site-packages"))


def results_of(directory: Path) -> dict[str, Any]:
    """Return what results.json of a run holds, which must be strict JSON."""
    text = (directory / "results.json").read_text()
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, for so long as a run can take."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "did not happen within two minutes"
        time.sleep(0.05)


def refuse(constant: str) -> None:
    """Fail for NaN and Infinity, which strict JSON does not have."""
    raise AssertionError(f"{constant} in a file that should be strict JSON")


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of other processes that hold or name something in a directory."""
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
    """Check for exit status 2 and one or two lines on standard error that hold every part; return them."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in done.stderr, done.stderr
    return done.stderr
