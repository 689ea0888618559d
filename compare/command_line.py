"""What every entry point shares: options to a config, errors to an exit status, signals to a clean end."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from compare.errors import UserError
from compare.processes.interruption import Terminated, listen, raise_if_received

C = TypeVar("C")

FAILED = 1
# Of a standard stream, which has no file name. EPIPE: the reader has gone, and nobody is left to tell.
OUTPUT_FAILURES = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def parse(config: type[C], argv: Sequence[str], *, program: str, default: C | None = None) -> C:
    """Options to a config dataclass; prints usage and exits 2 where they do not fit it."""
    import tyro

    return tyro.cli(
        config,
        args=list(argv),
        prog=f"python -m {program}",
        config=(tyro.conf.FlagCreatePairsOff,),
        default=tyro.MISSING_NONPROP if default is None else default,
    )


def run_entry_point(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run `main(argv)` and exit with its status; a user's mistake is one or two lines, not a traceback."""
    # This process's own NumPy, not the workers': OpenBLAS threads that wait spin, and beside a busy worker
    # they made the oracle twenty times slower. Before NumPy is imported, or it is not heeded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    make_streams_usable()
    listen()
    try:
        check_interpreter()
        status = main(sys.argv[1:])
        sys.stdout.flush()
        raise_if_received()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = error.status
    except MemoryError:
        print(
            "error: this machine has not enough free memory. Close other programs, or ask for less work.",
            file=sys.stderr,
        )
        status = FAILED
    except KeyboardInterrupt:
        status = 130
    except Terminated as terminated:
        status = 128 + terminated.number
    except OSError as error:
        if error.filename is not None or error.errno not in OUTPUT_FAILURES:
            raise
        # what it still holds cannot be written either
        sys.stdout = None
        if error.errno != errno.EPIPE:
            print(
                f"error: the output cannot be written: {error.strerror}. Send it elsewhere, or free "
                "some space. --resume continues a run that was interrupted.",
                file=sys.stderr,
            )
        status = FAILED
    sys.exit(status)


def check_interpreter() -> None:
    """Raise UserError if Python was told to leave docstrings out, which Altair reads when imported."""
    if sys.flags.optimize > 1:
        raise UserError(
            "Python runs without docstrings, but the charts need them. Unset PYTHONOPTIMIZE, and drop -OO."
        )


def make_streams_usable() -> None:
    """Output may be closed, or in an encoding that lacks a sign: neither is a reason to lose a run.

    Where descriptor 1 is closed, the next pipe would get its number, and a worker's log would replace it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  (open to the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
