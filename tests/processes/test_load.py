"""What happened to the CPUs while a worker trained is counted on those that it may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.processes import load
from compare.processes.load import Interference
from tests.faults.recording import Fault

FAULTS = "Programs on other CPUs"

LINES = """cpu  400 0 0 9000 0 0 0 0 0 0
cpu0 {0} 10 20 5000 70 1 2 3 40 4
cpu3 {1} 10 20 5000 70 1 2 3 40 4
intr 1 2 3
"""


@pytest.fixture
def stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a /proc/stat of two CPUs, 0 and 3, of which this process may use the second."""
    path = tmp_path / "stat"
    path.write_text(LINES.format(100, 200))
    monkeypatch.setattr(load, "STAT", path)
    monkeypatch.setattr(load, "allowed_cpus", lambda: [3])
    monkeypatch.setattr("os.sysconf", lambda _: 100)
    return path


def test_only_the_cpus_that_a_run_may_use_are_counted(stat: Path, fault: Fault) -> None:
    """A busy loop on another one is nothing to close."""
    beside = Interference()
    stat.write_text(LINES.format(900, 200))
    assert beside.foreign_seconds(0.0) == 0.0
    stat.write_text(LINES.format(900, 250))
    assert beside.foreign_seconds(0.0) == 0.5
    assert beside.foreign_seconds(0.4) == pytest.approx(0.1)
    assert beside.foreign_seconds(3.0) == 0.0
    fault("A busy loop on a CPU that the run may not use", words="nothing", survives="the run")


@pytest.mark.usefixtures("stat")
def test_idle_and_waiting_are_not_busy_and_stolen_time_is() -> None:
    """User, nice, system, interrupts and steal count; guests are counted as user already."""
    assert load.busy_seconds([3]) == pytest.approx((200 + 10 + 20 + 1 + 2 + 3) / 100)


@pytest.mark.parametrize("text", [None, "", "cpu3 1 2\n", "cpu3 a b c d e f g h\n", "\xff\n"])
def test_a_load_that_cannot_be_read_is_unknown(stat: Path, text: str | None) -> None:
    """It is not 0, and ends nothing."""
    if text is None:
        stat.unlink()
    else:
        stat.write_bytes(text.encode("latin-1"))
    assert Interference().foreign_seconds(0.0) is None


def test_a_system_without_affinity_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS."""
    monkeypatch.setattr(load, "allowed_cpus", lambda: None)
    known = Interference().foreign_seconds(0.0)
    assert known is not None
    assert known >= 0
