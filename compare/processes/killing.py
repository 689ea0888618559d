"""Ends a process and all processes that it started, as far as the system shows them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

import psutil

from compare.observation import observe

STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Send SIGKILL to a process, its group, and descendants that left the group."""
    descendants = observe(lambda: psutil.Process(process.pid).children(recursive=True)) or []
    kill(os.killpg, process.pid)
    with contextlib.suppress(OSError):
        process.kill()  # in case it has no group of its own
    for descendant in descendants:
        kill(os.kill, descendant.pid)


def kill_by_environment(name: str, value: str) -> None:
    """Send SIGKILL to every process that inherited this variable: a daemon has left both group and parent."""
    for pid in observe(psutil.pids) or []:
        if (observe(lambda: psutil.Process(pid).environ()) or {}).get(name) == value:  # noqa: B023
            kill(os.kill, pid)


def kill(send: Callable[[int, int], None], number: int) -> None:
    """Send SIGKILL to a process or group. It is no error if the process is gone, or another user's."""
    with contextlib.suppress(OSError):
        send(number, signal.SIGKILL)


def is_stopped(pid: int) -> bool:
    """Return whether SIGSTOP or a debugger stopped a process; False if the system does not report it."""
    return observe(lambda: psutil.Process(pid).status()) in STOPPED
