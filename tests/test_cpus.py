"""CPUs that a run can fill: those it may run on, and what a container's quota leaves of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compare.cgroups import Throttling, cpu_quota, groups
from compare.cpus import allowed_cpus, usable_cpus
from tests.faults.recording import Fault

FAULTS = "A container that limits CPUs"

ROOT = Path(__file__).parents[1]
CPU_CONTROLLER = Path("/sys/fs/cgroup/cpu")
MEMORY = "25 1 0:21 / /groups/mem rw - cgroup cgroup rw,memory\n"
V1 = f"24 1 0:20 / /groups/cpu rw - cgroup cgroup rw,cpu,cpuacct\n{MEMORY}"
V2 = "26 1 0:22 / /groups/unified rw - cgroup2 cgroup2 rw\n"


def faked(root: Path, membership: str, mounts: str, files: dict[str, str]) -> Path:
    """Return a root directory with these groups in it."""
    for name, text in {"proc/self/cgroup": membership, "proc/self/mountinfo": mounts, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v1(quota: object, period: int = 100_000) -> dict[str, str]:
    """Return the files of a group of version 1 with a quota."""
    return {"cpu.cfs_quota_us": f"{quota}\n", "cpu.cfs_period_us": f"{period}\n"}


def at(directory: str, files: dict[str, str]) -> dict[str, str]:
    """Return the files in a directory."""
    return {f"{directory}/{name}": text for name, text in files.items()}


QUOTAS: dict[str, tuple[str, str, dict[str, str], float | None]] = {
    "version 1": ("3:cpu,cpuacct:/", V1, at("groups/cpu", v1(60_000)), 0.6),
    "version 1 without a quota": ("3:cpu,cpuacct:/", V1, at("groups/cpu", v1(-1)), None),
    "version 2": ("0::/a", V2, at("groups/unified/a", {"cpu.max": "150000 100000\n"}), 1.5),
    "version 2 without a quota": ("0::/a", V2, at("groups/unified/a", {"cpu.max": "max 100000\n"}), None),
    "the tightest of nested groups": (
        "0::/a/b",
        V2,
        at("groups/unified/a/b", {"cpu.max": "400000 100000"})
        | at("groups/unified/a", {"cpu.max": "50000 100000"}),
        0.5,
    ),
    "a container that sees its host's path": (
        "3:cpu:/docker/1234",
        "24 1 0:20 /docker/1234 /groups/cpu rw - cgroup cgroup rw,cpu\n",
        at("groups/cpu", v1(25_000, 50_000)),
        0.5,
    ),
    "a path outside what is mounted": (
        "3:cpu:/../../elsewhere", V1, at("groups/cpu", v1(200_000)), 2.0,
    ),
    "a group that is gone": ("0::/gone", V2, {"groups/unified/cgroup.procs": ""}, None),
    "nonsense": ("0::/a", V2, at("groups/unified/a", {"cpu.max": "much\n"}), None),
    "lines of another form": ("what", "is this", {}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTAS)
def test_a_quota_is_read_from_every_group_around(name: str, tmp_path: Path) -> None:
    """Of either version, nested or not, and none is made up."""
    membership, mounts, files, quota = QUOTAS[name]
    assert cpu_quota(faked(tmp_path, membership + "\n", mounts, files)) == quota


def test_without_proc_there_is_no_quota(tmp_path: Path) -> None:
    """No such file is no reason to stop."""
    assert groups(tmp_path) == []
    assert cpu_quota(tmp_path) is None
    assert Throttling(tmp_path).counts() == (0, 0)


def test_throttling_counts_from_its_start(tmp_path: Path) -> None:
    """The group that held its processes back most is the one that tells."""
    stat = tmp_path / "groups/unified/a/cpu.stat"
    files = at("groups/unified/a", {"cpu.max": "60000 100000", "cpu.stat": "nr_periods 10\nnr_throttled 4\n"})
    outer = at("groups/unified", {"cpu.stat": "usage_usec 7\nnr_periods 100\nnr_throttled 0\n"})
    throttling = Throttling(faked(tmp_path, "0::/a\n", V2, files | outer))
    assert throttling.counts() == (0, 0)
    stat.write_text("nr_periods 30\nnr_throttled 9\n")
    assert throttling.counts() == (20, 5)
    stat.unlink()
    assert throttling.counts() == (0, 0)


@pytest.mark.parametrize(("quota", "usable"), [(None, 4), (0.6, 1), (1.5, 1), (2.0, 2), (3.99, 3), (64.0, 4)])
def test_a_quota_leaves_whole_cpus(monkeypatch: pytest.MonkeyPatch, quota: float | None, usable: int) -> None:
    """A part of a CPU would be used up before the period is over."""
    monkeypatch.setattr("compare.cpus.allowed_cpus", lambda: [0, 1, 5, 7])
    monkeypatch.setattr("compare.cpus.cpu_quota", lambda: quota)
    assert usable_cpus() == usable


def test_a_system_that_does_not_tell_has_all_its_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS, or a sandbox that refuses the call."""

    def refused(_: int) -> set[int]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_getaffinity", refused)
    monkeypatch.setattr("compare.cpus.cpu_quota", lambda: None)
    assert allowed_cpus() is None
    assert usable_cpus() == (os.cpu_count() or 1)


@pytest.fixture
def limited() -> Iterator[Path]:
    """Yield a real group with 0.6 CPUs; skips visibly where this user may not make one."""
    group = CPU_CONTROLLER / f"lenet-compare-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("20000")
        (group / "cpu.cfs_quota_us").write_text("12000")
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no group with a CPU quota can be made here: {error}")
    yield group
    group.rmdir()


def inside(group: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a group."""
    return subprocess.run(
        ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', str(group), *command],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, **options,
    )  # fmt: skip


def test_a_real_quota_counts(limited: Path, fault: Fault) -> None:
    """A process in the group sees 0.6 CPUs, one of them usable, and a busy loop throttled."""
    code = (
        "import time\n"
        "from compare.cgroups import Throttling, cpu_quota\n"
        "from compare.cpus import usable_cpus\n"
        "throttling, end = Throttling(), time.monotonic() + 60\n"
        "while throttling.counts()[1] < 2 and time.monotonic() < end: pass\n"
        "periods, throttled = throttling.counts()\n"
        "print(cpu_quota(), usable_cpus(), periods >= throttled >= 2)\n"
    )
    done = inside(limited, sys.executable, "-c", code)
    assert done.stdout.split() == ["0.6", "1", "True"], done.stderr
    words = "the quota in the facts of the run; a caution if it delayed the workers"
    fault("A container's quota of 0.6 CPUs", words=words, survives="the run, with one thread")
