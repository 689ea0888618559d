"""What the parent knows of the machine and of this code: recorded beside every result."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from compare.cgroups import cpu_quota
from compare.cpus import allowed_cpus, usable_cpus
from compare.observation import observe
from compare.records.environment import Environment

ROOT = Path(__file__).resolve().parents[2]


def describe() -> Environment:
    """Describe this machine now. No host name, no user name, no path: results are for sharing."""
    return Environment(
        cpu=cpu_name(),
        cpus_usable=usable_cpus(),
        cpus_allowed=len(allowed_cpus() or []) or None,
        cpu_quota=cpu_quota(),
        cpus_total=os.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        system=platform.system(),
        kernel=platform.release(),
        libc=" ".join(platform.libc_ver()).strip(),
        machine=platform.machine(),
        python=platform.python_version(),
        packages={name: installed(name) for name in ("numpy", "msgspec", "safetensors")},
        code_version=code_version(),
        load_average_1min=os.getloadavg()[0],
        cpu_governor=governor(),
        host_digest=observe(host_digest),
    )


def host_digest() -> str:
    """Return 12 hex digits made from the number that the system was given when it was installed.

    As systemd advises, the number itself, which is secret, is not shown. Raises OSError if there is none.
    """
    number = Path("/etc/machine-id").read_text().strip()
    if not number:
        raise FileNotFoundError("/etc/machine-id is empty")
    return hashlib.sha256(f"lenet-compare {number}".encode()).hexdigest()[:12]


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def governor() -> str | None:
    """Linux's frequency policy of the first CPU; None where it is not shown, as in most virtual machines."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return None


def cpu_mhz() -> float | None:
    """Return the processor's present frequency; None where the system does not tell."""
    try:
        frequency = psutil.cpu_freq()
    except OSError:
        return None
    return float(frequency.current) if frequency else None


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def code_version() -> str:
    """Return this package's version, and in a git checkout its commit, with `+` if files differ from it."""
    number = installed("lenet-compare") or "not installed"
    if not (ROOT / ".git").exists():
        return number
    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return number
    return f"{number} ({commit}{'+' if git('status', '--porcelain', '--untracked-files=no') else ''})"


def git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
