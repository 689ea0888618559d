"""Defines the function of a Ray task: it starts this project's command on a node, and ends it.

Standard library only. Ray pickles this function by its name, and plain bytes go in and out: no value of ours
is ever pickled, and no framework is imported into Ray's process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("-m", "compare.cluster.node")
LOOK_EVERY_SECONDS = 0.5  # a wait in one piece would not notice that Ray cancels the task
GRACE_SECONDS = 10.0  # to end workers, and to remove temporary files
LAST_BYTES = 4000


def execute(request: bytes) -> dict[str, int | bytes]:
    """Return the command's exit status, its answer, and the end of its output.

    The command ends when its input closes, so it never outlives this function or this process.
    """
    # Ray cancels by raising KeyboardInterrupt; a driver in a shell's background ignores it, and so would we
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    raylet = os.getppid()
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=printed,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended at once, and says why
                process.stdin.write(request + b"\n")
                process.stdin.flush()
            while process.poll() is None and os.getppid() == raylet:
                time.sleep(LOOK_EVERY_SECONDS)
        finally:
            end(process)
        if os.getppid() != raylet:  # Ray's node has died: so must its process, which may not notice
            os._exit(1)
        answer.seek(0)
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - LAST_BYTES))
        return {"status": process.returncode, "answer": answer.read(), "printed": printed.read()}


def end(process: subprocess.Popen[bytes]) -> None:
    """Close the command's input, which asks it to end. Kill it and its group if it does not."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
