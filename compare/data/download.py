"""Gets a data set through torchvision, in a child process: the parent never imports torch."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from compare.data import torchvision_child
from compare.data.content import printable_path
from compare.errors import UserError

NAMES = ("MNIST", "FashionMNIST", "KMNIST")  # the torchvision classes whose files are named like MNIST's
LONGEST_REASON = 300  # characters

BY_HAND = "Check network and disk and try again, or put the four files there yourself."


def download(name: str, data_dir: Path, python: Path, *, timeout_seconds: float = 600.0) -> Path:
    """Download torchvision's set `name` into `data_dir`, with the interpreter `python`.

    Keeps files that are already there and intact. Returns the directory that holds the set,
    `data_dir/<name>`, for `mnist.load`. Raises UserError with torchvision's last line if it fails.
    """
    if name not in NAMES:
        raise UserError(f"{name!r} cannot be downloaded.\nUse one of {', '.join(NAMES)}.")
    # -E and -P: no PYTHON* variable, and no file in the child's own directory (which has a random.py), can
    # replace a module of the standard library.
    command = [str(python), "-E", "-P", torchvision_child.__file__, name, str(data_dir)]
    goal = f"torchvision could not download {name} into {printable_path(data_dir)}"
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{goal} within {timeout_seconds:g} s.\n{BY_HAND}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = f"{printable_path(python)} cannot be started to download {name}: {reason}"
        raise UserError(f"{problem}.\nName a Python interpreter with --torch-python.") from error
    if ended.returncode:
        action = BY_HAND
        if ended.returncode == torchvision_child.NO_TORCHVISION:
            action = f"Install torchvision for {printable_path(python)}, or name another with --torch-python."
        raise UserError(f"{goal}: {reason_of(ended.returncode, ended.stderr)}\n{action}")
    return data_dir / name


def reason_of(status: int, stderr: bytes) -> str:
    """Return the child's last line, or its exit status or signal if it wrote none."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    if last:
        return "".join(letter for letter in last if letter.isprintable())[:LONGEST_REASON]
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}."
    return f"it ended with status {status} and printed nothing."
