"""Starts a process, or names what the system refused."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# What to do if the system refuses something that every worker needs.
ACTIONS = {
    errno.E2BIG: "Remove large variables from the environment",
    errno.EAGAIN: "Raise the limit on processes: ulimit -u, or the container's",
    errno.EMFILE: "Raise the limit on open files: ulimit -n",
    errno.ENFILE: "Close other programs: this system can open no more files",
    errno.ENOMEM: "Close other programs, or raise the container's limit on memory",
    errno.ENOSPC: "Free some space there",
    errno.EDQUOT: "Free some space there",
}
NO_INTERPRETER = "A script needs #! and an interpreter in its first line"


class UnusableProgram(Exception):
    """The program cannot be run: it is missing, forbidden, or not executable. The message says why."""


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process in a new session, which can be ended as a whole; in this session if that is refused.

    Raises UnusableProgram, or OSError if the system can start no process.
    """
    for own_session in (True, False):
        try:
            return subprocess.Popen(command, start_new_session=own_session, **options)
        except OSError as error:
            if is_of_program(error, command[0]):
                raise UnusableProgram(why_unusable(Path(command[0]), error)) from error
            refused = error
    if refused.filename == command[0]:
        refused.filename = None  # it does not name what was refused
    raise refused


def is_of_program(error: OSError, program: str) -> bool:
    """Return whether `Popen` failed because of the program, not because of the system's limits."""
    return error.filename == program and error.errno not in ACTIONS


def why_unusable(program: Path, error: OSError) -> str:
    if error.errno == errno.ENOEXEC:
        return f"{error.strerror}. {NO_INTERPRETER}"
    if error.errno == errno.ENOENT and program.exists():
        return f"the interpreter in its first line (#!) does not exist. {NO_INTERPRETER}"
    return f"{error.strerror}"


def refusal(error: OSError) -> str:
    """Return the system's message, and what to do about it."""
    action = ACTIONS.get(error.errno or 0)
    return f"{error.strerror or error}{f'. {action}' if action else ''}"
