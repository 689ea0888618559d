"""Describes how a process ended, from its exit status. Pure functions."""

from __future__ import annotations

import signal

# The likely causes of signals. A signal's name does not show who sent it.
LIKELY_CAUSES = {
    "SIGKILL": "perhaps by the system, because memory ran out: see the kernel's log",
    "SIGBUS": "perhaps the disk is full, or a file became shorter while it was read",
    "SIGILL": "its framework is built for another processor",
    "SIGXCPU": "the limit on CPU time, ulimit -t",
    "SIGXFSZ": "the limit on file sizes, ulimit -f",
}


def in_words(status: int) -> str:
    """Describe an exit status of `subprocess`, which is negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    name = signal_name(-status)
    cause = LIKELY_CAUSES.get(name)
    return f"was killed by {name}" + (f" ({cause})" if cause else "")


def signal_name(number: int) -> str:
    """Return a signal's name. Python has no names for most real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", None)
        return f"SIGRTMIN+{number - first}" if first and number > first else f"signal {number}"
