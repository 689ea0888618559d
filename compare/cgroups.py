"""Reads the CPU time that control groups allow this process, and how often they throttled it. Linux only.

A container's limit (docker --cpus, Kubernetes) is a quota of CPU time in each period of 100 ms. The system
still shows every CPU. Files and fields: docs.kernel.org, scheduler/sched-bwc (version 1: `cpu.cfs_quota_us`)
and admin-guide/cgroup-v2 (`cpu.max`). psutil reads neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from compare.observation import observe

Counts = tuple[int, int]  # periods, and periods in which processes had to wait for the next one


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the smallest quota of all groups, in CPUs; None if no group has one, or none can be read.

    root: the directory under which `proc` and the groups' mounts lie.
    """
    quotas = [quota for group in groups(root) if (quota := observe(quota_of, group))]
    return min(quotas, default=None)


class Throttling:
    """Counts the periods in which a group throttled its processes, since this object was made."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.start = {group: counts for group in groups(root) if (counts := observe(counts_of, group))}

    def counts(self) -> Counts:
        """Return (periods, throttled periods) since the start, for the group that throttled most often."""
        found = [(0, 0)]
        for group, (periods, throttled) in self.start.items():
            if now := observe(counts_of, group):
                found.append((now[0] - periods, now[1] - throttled))
        return max(found, key=lambda counts: counts[1])


def groups(root: Path) -> list[Path]:
    """Return the groups that can limit this process's CPU time: its own group, then each parent."""
    return observe(lambda: list(read_groups(root))) or []


def read_groups(root: Path) -> Iterator[Path]:
    """Yield the directory of each group in every hierarchy with the CPU controller. Raises OSError."""
    paths = dict(memberships((root / "proc/self/cgroup").read_text()))
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        controller = "" if kind == "cgroup2" else "cpu"
        if kind not in ("cgroup", "cgroup2") or controller not in ("", *options.split(",")):
            continue
        inside, mount_point = before.split(" ")[3:5]
        if controller in paths:
            mount = root / mount_point.replace("\\040", " ").lstrip("/")
            below = path_below(paths[controller], inside)
            yield from (mount / part for part in (below, *below.parents))


def memberships(text: str) -> Iterator[tuple[str, str]]:
    """Yield the process's group in the CPU controller's hierarchy (key "cpu") and in version 2's (key "")."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "cpu" in controllers.split(","):
            yield ("cpu" if controllers else ""), path


def path_below(group: str, mounted: str) -> PurePosixPath:
    """Return a group's path below the mounted part of the tree; empty if it lies outside."""
    path = PurePosixPath(group)
    if not path.is_relative_to(mounted) or ".." in path.parts:
        return PurePosixPath()
    return path.relative_to(mounted)


def quota_of(group: Path) -> float | None:
    """Return a group's quota in CPUs; None if it has none. Raises OSError or ValueError."""
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    microseconds = int((group / "cpu.cfs_quota_us").read_text())
    return microseconds / int((group / "cpu.cfs_period_us").read_text()) if microseconds > 0 else None


def counts_of(group: Path) -> Counts:
    """Return a group's counts since it was made. Raises OSError, ValueError, or KeyError without a quota."""
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["nr_periods"]), int(fields["nr_throttled"])
