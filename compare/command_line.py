"""Parses options, turns errors into an exit status, and ends cleanly at a signal, for every command."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeGuard, TypeVar

from compare.errors import UserError, typed
from compare.processes.interruption import Terminated, listen, raise_if_received
from compare.processes.starting import ACTIONS, refusal
from compare.reasons import reason_of

C = TypeVar("C")

ROOT = Path(__file__).resolve().parents[1]
FAILED = 1
NARROWEST, WIDEST = 20, 2000  # columns: at 0 Rich prints nothing, and below 6 tyro's help uses all memory
# Errors of a standard stream, which has no file name. EPIPE: the reader has closed it and needs no message.
OUTPUT_FAILURES = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def parse(config: type[C], argv: Sequence[str], *, program: str, default: C | None = None) -> C:
    """Return the options as a config dataclass. Prints the usage and exits with 2 if they do not fit it."""
    import tyro

    return tyro.cli(
        config,
        args=expand_home(argv),
        prog=f"python -m {program}",
        config=(tyro.conf.FlagCreatePairsOff,),
        default=tyro.MISSING_NONPROP if default is None else default,
    )


def expand_home(argv: Sequence[str]) -> list[str]:
    """Replace `~` by the home directory: a shell does not expand it after `=` or in quotation marks.

    Raises UserError if the user has no home directory, because a directory called `~` would be a mistake.
    Raises it also for an empty value, such as an unset shell variable gives: as a path it would mean this
    directory.
    """
    expanded = []
    for before, argument in zip(["", *argv], argv, strict=False):
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if not value and (equals or not option):
            name = option or (before if before.startswith("--") else "An argument")
            raise UserError(f"{name} is empty. Give it a value, or leave it out.")
        path = os.path.expanduser(value)  # noqa: PTH111  (Path's raises RuntimeError for a user who has none)
        if path.startswith("~"):
            raise UserError(f"{argument}: no home directory is known for {value.split('/')[0]}. Name a path.")
        expanded.append(f"{option}{equals}{path}")
    return expanded


def run_entry_point(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run `main(argv)` and exit with its status. No traceback for errors that `explanation` knows."""
    # Applies to this process's NumPy, not to the workers': waiting OpenBLAS threads spin, and next to a busy
    # worker they made the oracle twenty times slower. NumPy reads the variable once, at its import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        check_system()
        make_streams_usable()
        make_size_usable()
        listen()
        check_interpreter()
        check_place()
        status = main(sys.argv[1:])
        sys.stdout.flush()
        raise_if_received()
    except KeyboardInterrupt:
        status = 130
    except Terminated as terminated:
        status = 128 + terminated.number
    except Exception as error:
        message = explanation(error)
        if message is None:
            raise
        if is_of_output(error):
            sys.stdout = None  # its buffered text cannot be written either
        if message:
            with contextlib.suppress(OSError):  # the status tells it if standard error is full or gone
                print("\n".join([f"error: {message}", *getattr(error, "__notes__", [])]), file=sys.stderr)
        status = error.status if isinstance(error, UserError) else FAILED
    sys.exit(status)


def explanation(error: Exception) -> str | None:
    """Return a message for an error that a user or a machine can cause; None for any other error."""
    if isinstance(error, UserError):
        return str(error)
    if is_of_output(error):
        failed = f"the output cannot be written: {error.strerror}. Send it elsewhere, or free some space."
        return "" if error.errno == errno.EPIPE else failed
    if isinstance(error, OSError):
        what = error.filename if error.filename is not None else "the system refuses a call"
        return f"{what}: {refusal(error)}"
    if isinstance(error, MemoryError):
        return "this machine has not enough free memory. Close other programs, or ask for less work."
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"this system starts no more threads. {ACTIONS[errno.EAGAIN]}."
    if isinstance(error, ImportError):
        install = f"{typed(sys.executable)} -m pip install {typed(ROOT)}"
        return (
            f"this command cannot import all that it needs: {reason_of(error)}\nInstall it again: {install}"
        )
    return None


def is_of_output(error: Exception) -> TypeGuard[OSError]:
    """Return whether the error is a failed write to standard output or standard error."""
    return isinstance(error, OSError) and error.filename is None and error.errno in OUTPUT_FAILURES


def check_system() -> None:
    """Raise UserError on a system without the locks and signals of POSIX, such as Windows without WSL2."""
    if importlib.util.find_spec("fcntl") is None:
        raise UserError(
            "this system lacks POSIX's file locks (fcntl). Use Linux, macOS, or Linux under Windows (WSL2)."
        )


def check_interpreter() -> None:
    """Raise UserError if Python runs without docstrings (-OO): Altair reads docstrings at its import."""
    if sys.flags.optimize > 1:
        raise UserError(
            "Python runs without docstrings, but the charts need them. Unset PYTHONOPTIMIZE, and drop -OO."
        )


def check_place() -> None:
    """Raise UserError if the working directory was removed or cannot be read."""
    try:
        os.getcwd()  # noqa: PTH109  (no Path is needed)
    except OSError as error:
        raise UserError(
            f"the directory that this command was started in cannot be found: {error.strerror}. "
            "Change to another (cd), then give the command again."
        ) from error


def make_streams_usable() -> None:
    """Make a closed output harmless, and replace characters that an output's encoding lacks: no run is lost.

    If descriptor 1 stayed closed, the next pipe would get its number, and a worker's log would replace it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # print() takes a missing standard error for standard output
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (open to the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def make_size_usable() -> None:
    """Set the size that the environment gives anew: what it says is for a person, and may be any text.

    Without it the terminal itself is asked, each time.
    """
    size = shutil.get_terminal_size()
    width = min(max(size.columns, NARROWEST), WIDEST)
    if "COLUMNS" in os.environ or width != size.columns:
        os.environ["COLUMNS"] = str(width)
    if "LINES" in os.environ:
        os.environ["LINES"] = str(size.lines)
