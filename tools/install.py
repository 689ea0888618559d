"""`python3 -m tools.install DIR ARGUMENT...`: makes an environment in DIR, and shows the progress.

The arguments go to `uv pip install` if uv is on the PATH, else to pip. This runs before any package is
installed, so it needs only the standard library.
"""

from __future__ import annotations

import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tools.install_failures import advice

MEASURED = Path(__file__).resolve().parents[1] / "docs" / "results" / "install.json"
QUIET_SECONDS = 4.0  # after this time without a line, say that the work continues
SMALL_MEGABYTES = 20.0  # a smaller download ends before a reader has read its name
MEGABYTES = {"K": 1e-3, "M": 1.0, "G": 1e3}
GB = 1e9
CONTENTS = {
    ".venv": "TensorFlow, PyTorch, and what the comparison and its tests need",
    ".venv-tf": "TensorFlow with its CUDA libraries",
    ".venv-torch": "PyTorch with its CUDA libraries",
}


def main(argv: list[str]) -> int:
    """Return 0 if the environment is complete, 2 if it is not, 130 if it was interrupted."""
    directory, uv = Path(argv[0]), shutil.which("uv")
    log = Path(f"{directory}.log")
    announce(directory, uv)
    progress = Progress(directory)
    try:
        for command in commands(directory, argv[1:], uv):
            status, output = followed(command, progress)
            kept = written(log, output)
            if status != 0:
                print(f"error: {advice(output)}{kept}", file=sys.stderr)
                return 2
    except KeyboardInterrupt:
        print("interrupted; the next make continues, and keeps what was downloaded", file=sys.stderr)
        return 130
    return 0


def announce(directory: Path, uv: str | None) -> None:
    """Say what will be installed, its size and its place, and that this happens once."""
    print(f"Installing {CONTENTS.get(directory.name, 'packages')}, once, in {directory}/")
    if measured := measured_for(directory):
        download, installed = measured["download_bytes"] / GB, measured["installed_bytes"] / GB
        print(f"  download  {download:.1f} GB, which stays in the cache of {'uv' if uv else 'pip'}")
        print(f"  on disk   {installed:.1f} GB; {free(directory) / GB:.1f} GB are free here")
        print(f"            (measured on {measured['machine']}, {measured['date']})")
    print(f"  with      {'uv' if uv else 'pip; uv is faster, if you install it first'}")
    print("  A smaller installation for machines without an NVIDIA card: docs/install.md", flush=True)


def measured_for(directory: Path) -> dict[str, Any] | None:
    """Return the measured sizes and times of the same environment."""
    if not MEASURED.is_file():
        return None
    records: dict[str, dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return records.get(directory.name)


def free(directory: Path) -> int:
    """Return the free bytes on the disk of a directory that may not exist yet."""
    return shutil.disk_usage(directory.absolute().parent).free


def commands(directory: Path, arguments: list[str], uv: str | None) -> list[list[str]]:
    """Return the commands to run, in order. Keep an environment that works; make a broken one again."""
    python = str(directory / "bin" / "python")
    if uv:
        install = [uv, "pip", "install", "--compile-bytecode", "--python", python, *arguments]
    else:
        install = [python, "-m", "pip", "install", "--progress-bar", "off", *arguments]
    if works(python):
        return [install]
    shutil.rmtree(directory, ignore_errors=True)
    make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    return [[*make, str(directory)], install]


def works(python: str) -> bool:
    """Return whether an interpreter can be started."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Progress:
    """Decides what to show of an installer's lines, and during its silence."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.free = free(directory)
        self.start = time.monotonic()
        self.shown = self.start  # when something was last printed
        self.phase = "starting"
        self.out_of_tries = False  # pip would continue with the next package, and try as often again

    def line(self, text: str) -> str | None:
        """Return what to show for one line of the installer; None for most."""
        if download := re.match(r"\s*Downloading (\S+?)(?:-\d\S*)? \(([\d.]+) ?([KMG])i?B\)", text):
            name, size, unit = download.groups()
            if float(size) * MEGABYTES[unit] < SMALL_MEGABYTES:
                return None
            self.phase = f"fetching {name}, {size} {unit}B"
        elif text.startswith("Installing collected packages"):
            self.phase = f"unpacking {text.count(',') + 1} packages"
        elif "WARNING: Retrying" in text:
            self.phase = "the package index does not answer; trying again"
            self.out_of_tries = "Retry(total=0" in text
        elif re.match(r"(Resolved|Prepared|Installed|Bytecode compiled) \d+", text):
            self.phase = text.strip()
        else:
            return None
        return self.phase

    def waiting(self) -> str:
        """Return what to show while the installer prints nothing."""
        seconds, written = round(time.monotonic() - self.start), max(0, self.free - free(self.directory))
        return f"{seconds // 60}:{seconds % 60:02d}  {self.phase} · {written / GB:.1f} GB written so far"


def written(log: Path, output: str) -> str:
    """Write an installer's whole output to a file. Return its place, or nothing if the disk is full."""
    try:
        log.write_text(output, encoding="utf-8")
    except OSError:
        return ""
    return f"\nAll that the installer printed: {log}"


def followed(command: list[str], progress: Progress) -> tuple[int, str]:
    """Run a command and show its progress. Return its exit status and its whole output."""
    lines: queue.Queue[str | None] = queue.Queue()
    output: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        threading.Thread(target=collect, args=(process, lines), daemon=True).start()
        while True:
            try:
                text = lines.get(timeout=max(0.0, progress.shown + QUIET_SECONDS - time.monotonic()))
                if text is None:
                    break
                output.append(text)
                words = progress.line(text)
                if progress.out_of_tries:
                    process.terminate()
                    break
            except queue.Empty:
                words = progress.waiting()
            if words:
                print(f"  {words}", flush=True)
                progress.shown = time.monotonic()
    return process.returncode, "".join(output)


def collect(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Put each line of a process into a queue, and None after the last."""
    for line in process.stdout or ():
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
