"""Collects the facts about the machine and this code that are recorded with every result."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from compare.cgroups import cpu_quota
from compare.cpus import allowed_cpus, usable_cpus
from compare.observation import observe
from compare.records.environment import Environment
from compare.records.processor import processor_name

ROOT = Path(__file__).resolve().parents[2]
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")  # absent in most virtual machines
UNKNOWN_COMMIT = "commit unknown"
# Variables that git sets for its hooks. With them, git would report on another repository than ROOT's.
OTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")


def describe() -> Environment:
    """Describe this machine now. No host name, user name or path, because results are for sharing.

    A fact that the system does not provide is None.
    """
    load = observe(os.getloadavg)
    return Environment(
        cpu=processor_name(),
        cpus_usable=usable_cpus(),
        cpus_allowed=len(allowed_cpus() or []) or None,
        cpu_quota=cpu_quota(),
        cpus_total=os.cpu_count(),
        memory_bytes=observe(lambda: int(psutil.virtual_memory().total)),
        system=observe(platform.system) or None,
        kernel=observe(platform.release) or None,
        libc=observe(lambda: " ".join(platform.libc_ver()).strip()) or None,
        machine=observe(platform.machine) or None,
        python=platform.python_version(),
        packages={name: observe(version, name) for name in ("numpy", "msgspec", "safetensors")},
        code_version=code_version(),
        started=f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d %H:%M} UTC",
        load_average_1min=load[0] if load else None,
        cpu_governor=observe(lambda: GOVERNOR.read_text().strip()),
        host_digest=observe(host_digest),
    )


def host_digest() -> str:
    """Return 12 hex digits derived from the number that the system got when it was installed.

    The number itself is secret and is not shown, as systemd advises. Raises OSError if there is none.
    """
    number = Path("/etc/machine-id").read_text().strip()
    if not number:
        raise FileNotFoundError("/etc/machine-id is empty")
    return hashlib.sha256(f"lenet-compare {number}".encode()).hexdigest()[:12]


def cpu_mhz() -> float | None:
    """Return the processor's present frequency; None if the system does not provide it."""
    return observe(lambda: float(psutil.cpu_freq().current))


def code_version() -> str:
    """Return this package's version; in a git checkout also the commit, and `+` if tracked files differ."""
    number = observe(version, "lenet-compare") or "not installed"
    if not observe((ROOT / ".git").exists):
        return number
    commit = observe(git, "rev-parse", "--short=12", "HEAD")
    changes = observe(git, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:  # another user's clone, no git, or a disk that is too slow
        return f"{number} ({UNKNOWN_COMMIT})"
    return f"{number} ({commit}{'+' if changes else ''})"


def git(*arguments: str) -> str:
    """Run git on this checkout, in any working directory. May raise any exception: call it with `observe`."""
    environment = {name: value for name, value in os.environ.items() if name not in OTHER_REPOSITORY}
    command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def differ(before: Any, now: Any) -> bool:
    """Return whether two readings of one fact differ. They do not differ if one is unknown."""
    if isinstance(before, dict) and isinstance(now, dict):
        return any(differ(value, now.get(name)) for name, value in before.items())
    if before is None or now is None:
        return False
    if UNKNOWN_COMMIT in f"{before}{now}":
        return bool(before.partition(" (")[0] != now.partition(" (")[0])
    return bool(before != now)
