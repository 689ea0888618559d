"""Whatever a reading of the machine raises, it is recorded as unknown, and unknown is no difference."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Never

import msgspec
import psutil
import pytest

from compare.observation import observe
from compare.records import machine
from compare.records.machine import differ

# What psutil and the kernel's files really raised in mount namespaces, and what nobody would expect.
RAISED = (
    FileNotFoundError(2, "No such file"), PermissionError(1, "no"), NotImplementedError("x"), IndexError("x"),
    RuntimeError("line 'btime' not found"), KeyError("MemTotal:"), TypeError("x"),
    UnicodeDecodeError("a", b"", 0, 1, ""),
    subprocess.TimeoutExpired("git", 10), AttributeError("getloadavg"), ZeroDivisionError(),
)  # fmt: skip
READINGS = {
    "memory_bytes": (psutil, "virtual_memory"),
    "load_average_1min": (os, "getloadavg"),
    "kernel": (platform, "release"),
    "libc": (platform, "libc_ver"),
    "system": (platform, "system"),
    "machine": (platform, "machine"),
}


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_no_reading_ends_a_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading at once raises it; what is left is what needs no reading."""

    def failing(*_: object, **__: object) -> Never:
        raise error

    for owner, name in READINGS.values():
        monkeypatch.setattr(owner, name, failing)
    monkeypatch.setattr(psutil, "cpu_freq", failing)
    monkeypatch.setattr(subprocess, "run", failing)
    monkeypatch.setattr(Path, "read_text", failing)
    found = machine.describe()
    assert [getattr(found, name) for name in READINGS] == [None] * len(READINGS)
    assert (found.cpu, found.cpu_governor, found.host_digest) == (None, None, None)
    assert machine.cpu_mhz() is None
    assert found.cpus_usable
    assert found.python == platform.python_version()
    msgspec.json.encode(found)


def test_this_machine_is_known() -> None:
    """So that a reading that is wrong in itself does not pass for an unknown one."""
    found = machine.describe()
    assert None not in [getattr(found, name) for name in READINGS]
    assert found.packages["numpy"]


def test_a_signal_is_no_failed_reading() -> None:
    """Ctrl-C ends a run also while it looks at the machine."""

    def interrupted() -> Never:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observe(interrupted)


def repository(directory: Path) -> Path:
    """Make a repository with a commit."""
    directory.mkdir()
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "one"],
    ):
        subprocess.run(["git", "-C", str(directory), *command], check=True)
    return directory


def test_a_commit_that_cannot_be_read_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's clone, by git's own test for it."""
    monkeypatch.setattr(machine, "ROOT", repository(tmp_path / "clone"))
    known = machine.code_version()
    assert machine.UNKNOWN_COMMIT not in known
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    unknown = machine.code_version()
    assert unknown == f"{known.partition(' (')[0]} ({machine.UNKNOWN_COMMIT})"
    assert not differ(known, unknown)


def test_the_commit_is_this_codes_whatever_the_shell_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook of another repository sets git's variables."""
    monkeypatch.setattr(machine, "ROOT", repository(tmp_path / "clone"))
    known = machine.code_version()
    other = repository(tmp_path / "other")
    subprocess.run(["git", "-C", str(other), "tag", "x"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert machine.code_version() == known


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("a", "b", True),
        ("a", "a", False),
        (None, "a", False),
        ("a", None, False),
        ("0.1.0 (abc)", "0.1.0 (def)", True),
        ("0.1.0 (abc)", "0.1.0 (commit unknown)", False),
        ("0.1.0 (abc)", "0.2.0 (commit unknown)", True),
        ({"numpy": "2.4"}, {"numpy": "2.5"}, True),
        ({"numpy": "2.4"}, {"numpy": None}, False),
    ],
)
def test_only_what_is_known_differs(before: object, now: object, expected: bool) -> None:
    """On --resume, and of each package."""
    assert differ(before, now) is expected
