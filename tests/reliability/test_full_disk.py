"""A disk that fills while a run is under way: one clear line, old files whole, and a way on."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.records.results import SCHEMA_VERSION
from tests.commands import results_of
from tests.faults.recording import Fault
from tests.reliability.small_runs import Finished, Place, half_written, outcome, workers_left

FAULTS = "A disk that is full"
SURVIVES = "everything that was written before; `--resume` continues once there is space; exit status 1"


def assert_told(done: subprocess.CompletedProcess[str], place: Place, out: Path, why: str) -> None:
    """Check that a run says in a line why it could not write, and left nothing half written."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"cannot be written: {why}" in done.stderr
    assert "--resume" in done.stderr
    assert results_of(out)["schema_version"] == SCHEMA_VERSION
    assert half_written(out) == []
    assert workers_left(place.temporary) == []


def test_files_may_not_grow_past_a_limit(place: Place, tmp_path: Path, fault: Fault) -> None:
    """A quota of the shell's (ulimit -f): weights of 4.4 MB do not fit."""
    out = tmp_path / "run"
    done = place.run(out, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    assert_told(done, place, out, "File too large")
    fault("Files may not grow past a limit (ulimit -f)", seen=done.stderr, survives=SURVIVES)


@contextlib.contextmanager
def small_disk(directory: Path, size_mib: int) -> Iterator[Path]:
    """Yield a file system of its own, in memory; skips visibly where this user may not mount one."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip() or os.geteuid()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=False)


def test_the_disk_is_full(place: Place, finished: Finished, tmp_path: Path, fault: Fault) -> None:
    """Room for some of the weights, not for all: the first launch that ends finds none."""
    with small_disk(tmp_path / "disk", 12) as disk:
        out = disk / "run"
        done = place.run(out)
        assert_told(done, place, out, "No space left on device")
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        resumed = place.resume(out)
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert outcome(out) == outcome(finished.directory)
    fault(
        "The disk is full",
        words="`… cannot be written: No space left on device. Earlier files are unchanged.`",
        survives=SURVIVES,
    )
