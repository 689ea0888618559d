"""A sandbox whose kernel refuses system calls, as seccomp profiles of containers and services do.

`python tests/sandbox.py EPERM:pidfd_open,setsid ENOLCK:flock -- COMMAND...`: the filter is the kernel's own
(seccomp(2), a classic BPF program), and what COMMAND starts inherits it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# arch/x86/entry/syscalls/syscall_64.tbl
NUMBERS = {
    "poll": 7, "setsid": 112, "flock": 73, "fsync": 74, "link": 86, "linkat": 265, "chmod": 90, "fchmod": 91,
    "fchmodat": 268, "getpriority": 140, "setpriority": 141, "prctl": 157, "sched_setaffinity": 203,
    "sched_getaffinity": 204, "inotify_init1": 294, "pidfd_open": 434, "getrusage": 98, "sysinfo": 99,
    "statfs": 137, "kill": 62, "pipe2": 293, "mkdir": 83, "clone3": 435, "vfork": 58, "uname": 63,
}  # fmt: skip
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2


def refusing(refused: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` if these calls, by name, fail with these errors.

    Skips the test, visibly, on a machine whose calls have other numbers.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("knows the system calls' numbers of Linux on x86-64 only")
    given = [f"{error}:{name}" for name, error in refused.items()]
    return [sys.executable, str(ROOT / "tests" / "sandbox.py"), *given, "--", *command]


def mounted(
    lines: str, run: Sequence[object], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command after these shell lines in a mount namespace; skip visibly if this user may have none."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    return subprocess.run(
        ["unshare", "-m", "sh", "-ec", f'{lines}\nexec "$@"', "sh", *map(str, run)],
        cwd=ROOT, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def refuse(errors: Mapping[int, int]) -> None:
    """Make these system calls fail in this process from now on. errors: the error's number by the call's."""
    program = struct.pack("HBBI", LOAD, 0, 0, 0)  # the call's number
    for number, error in errors.items():
        program += struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number)
        program += struct.pack("HBBI", RETURN, 0, 0, REFUSE | error)
    program += struct.pack("HBBI", RETURN, 0, 0, ALLOW)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def main(arguments: Sequence[str]) -> None:
    """Refuse what the arguments before `--` name, then become the command after it."""
    end = arguments.index("--")
    errors: dict[int, int] = {}
    for given in arguments[:end]:
        error, _, names = given.partition(":")
        errors |= {NUMBERS[name]: getattr(errno, error) for name in names.split(",")}
    refuse(errors)
    os.execvp(arguments[end + 1], list(arguments[end + 1 :]))  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
