"""`python -m tools.first_call ENVIRONMENT`: measures what the first `make` downloads, prints and writes.

Clones the last commit into an empty directory, with an empty home and no cache, and runs `make` with pip.
Adds the sizes, every line with its time, and the longest silence to docs/results/install.json.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from compare.records.files import write_atomically
from tests.commands import ROOT
from tools.install import MEASURED

# The only settings of pip that stay. The others, for local packages, caches and indexes, are not a reader's.
KEPT = ("PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_DISABLE_PIP_VERSION_CHECK")


def main(name: str) -> int:
    """Measure one environment. Return the exit status of make."""
    with tempfile.TemporaryDirectory() as temporary:
        home, clone = Path(temporary, "home"), Path(temporary, "clone")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        make = ["make", "--no-print-directory", f"PYTHON={Path(sys.executable).resolve()}"]
        env = environment(home)
        status, lines = timed_lines([*make, f"{name}/.installed"], clone, env)
        if status != 0:
            return status
        record: dict[str, Any] = {
            "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            "download_bytes": downloaded((clone / f"{name}.log").read_text()),
            "installed_bytes": size(clone / name),
            "seconds": lines[-1][0],
            "longest_silence_seconds": longest_silence(lines),
            "lines": lines,
        }
        if name == ".venv":
            _, lines = timed_lines([*make, "compare"], clone, env, most=1)
            record["second_start_seconds"] = lines[0][0]
    records: dict[str, Any] = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    write_atomically(MEASURED, (json.dumps(records | {name: record}, indent=1) + "\n").encode())
    return 0


def environment(home: Path) -> dict[str, str]:
    """Return this environment with an empty home, without settings of pip, and without uv."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in KEPT}
    uv = shutil.which("uv")
    path = [one for one in kept["PATH"].split(":") if not uv or one != str(Path(uv).parent)]
    return (
        kept
        | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PATH": ":".join(path)}
        | {"PIP_CONFIG_FILE": os.devnull}
    )


def timed_lines(
    command: list[str], place: Path, env: dict[str, str], most: int | None = None
) -> tuple[int, list[tuple[float, str]]]:
    """Run a command. Return its status, and its lines with the seconds since the start.

    most: end the command after this many lines.
    """
    start, lines = time.monotonic(), []
    with subprocess.Popen(
        command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append((round(time.monotonic() - start, 2), line.rstrip().replace(str(place), ".")))
            print(f"{lines[-1][0]:7.2f}  {lines[-1][1]}", flush=True)
            if most is not None and len(lines) == most:
                process.terminate()
    return process.returncode, lines


def longest_silence(lines: list[tuple[float, str]]) -> float:
    """Return the longest time between two lines, or before the first, in seconds."""
    times = [0.0, *(seconds for seconds, _ in lines)]
    return round(max(after - before for before, after in pairwise(times)), 2)


def downloaded(log: str) -> int:
    """Return the bytes of all downloads that pip lists, each as pip rounds it."""
    found = re.findall(r"^\s*Downloading \S+ \(([\d.]+) ([kMG])B\)", log, re.MULTILINE)
    return round(sum(float(number) * {"k": 1e3, "M": 1e6, "G": 1e9}[unit] for number, unit in found))


def size(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(
        path.stat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink()
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
