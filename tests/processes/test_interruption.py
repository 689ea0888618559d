"""A signal ends a command even where something swallows the exception that it raises."""

import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SWALLOW = """
import contextlib, os, sys
from pathlib import Path
from compare.command_line import run_entry_point
from compare.protocol import messages
from compare.processes.launcher import Worker

def main(argv):
    with contextlib.suppress(BaseException):
        os.kill(os.getpid(), int(argv[0]))
    print("swallowed")
    if argv[2] == "ask":
        silent = [sys.executable, "-c", "import time; time.sleep(60)"]
        with Worker(silent, environment=os.environ, log_path=Path(argv[1]), name="silent") as worker:
            worker.request(messages.Probe("tf", "cpu"), messages.Probed, 20)
        print("asked")
    return 0

run_entry_point(main)
"""


def swallow(
    number: signal.Signals, tmp_path: Path, then: str, *, before: Callable[[], object] | None = None
) -> tuple[int, str]:
    """Return the status and the output of a program that swallows a signal and goes on."""
    done = subprocess.run(
        [sys.executable, "-c", SWALLOW, str(int(number)), str(tmp_path / "log"), then],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=before,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("then", ["ask", "end"])
def test_a_signal_that_was_swallowed_still_ends_it(number: signal.Signals, then: str, tmp_path: Path) -> None:
    """Before the next request, which gets no answer here, or with the last line of the command."""
    status, output = swallow(number, tmp_path, then)
    assert status == 128 + number
    assert output == "swallowed\n"


def test_what_was_ignored_from_the_start_stays_so(tmp_path: Path) -> None:
    """As under nohup."""
    ignoring = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    assert swallow(signal.SIGHUP, tmp_path, "end", before=ignoring) == (0, "swallowed\n")
