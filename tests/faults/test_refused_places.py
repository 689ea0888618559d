"""Places, sizes and streams that will not do: named in a line, and nothing is left of the refusal."""

from __future__ import annotations

import os
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.numpy

from tests.commands import ROOT, WIDE, assert_refused, command, script, small_data
from tests.conversion.commands import trained_alike
from tests.faults.recording import Fault
from tests.sandbox import mounted

FAULTS = "Places, sizes and streams that will not do"
NOTHING = "everything: nothing was started or written; exit status 2"
LONG = "x" * 300
MOST_BYTES = 2 << 30  # of address space: what a help page must do with


def new_task(place: object) -> list[object]:
    """Return the words of the quickest command that writes into a directory."""
    return [sys.executable, "-m", "compare.parity", "--new-task", place]


def limit_memory() -> None:
    """Let this process ask for no more memory than a page of help needs."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


@pytest.mark.parametrize("columns", ["0", "1", "²", "9" * 11])
def test_a_width_that_no_terminal_has(columns: str, tmp_path: Path, fault: Fault) -> None:
    """Every line is printed, at a width that can be read; the help ends."""
    sizes = os.environ | {"COLUMNS": columns, "LINES": columns}
    done = command("--new-task", tmp_path / "new", module="compare.parity", env=sizes)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-500:]
    assert done.stdout.startswith("written ")
    shown = command("--help", module="compare.merge", env=sizes, before=limit_memory, timeout_seconds=60)
    assert "accept-differences" in shown.stdout, shown.stderr[-500:]
    words = "the same lines, 20 to 2,000 columns wide"
    fault(f"`COLUMNS={columns}` and `LINES={columns}`", words=words, survives="all")


@pytest.mark.parametrize(
    ("module", "options", "what"),
    [
        ("run", ["--out", ""], "`--out` without a value, as of a shell's variable that is not set"),
        ("parity", ["--torch-module="], "A port without a name"),
        ("report", [""], "A run without a name"),
    ],
)
def test_an_empty_value(module: str, options: list[str], what: str, fault: Fault) -> None:
    """It is not this directory."""
    said = assert_refused(command(*options, module=f"compare.{module}"), " is empty. Give it a value")
    fault(what, seen=said, survives=NOTHING)


def test_a_directory_for_a_port(tmp_path: Path, fault: Fault) -> None:
    """`.` is a directory, and no module's name."""
    done = command("--torch-module", ".", "--out", tmp_path / "out", module="compare.parity", env=WIDE)
    said = assert_refused(done, "--torch-module: . is a directory without __init__.py")
    fault("`--torch-module .`", seen=said, survives=NOTHING)


@pytest.mark.parametrize("option", ["--out", "--new-task"])
def test_a_name_too_long_leaves_nothing(option: str, tmp_path: Path, fault: Fault) -> None:
    """The directories around it are taken back."""
    done = command(option, tmp_path / "new" / LONG, module="compare.parity", env=WIDE)
    said = assert_refused(done, f"{option}: ", "cannot be written to: File name too long")
    assert not list(tmp_path.iterdir())
    fault(f"A name too long for {option}", seen=said.replace(LONG, "NAME"), survives=NOTHING)


def test_a_link_to_itself_is_no_directory(tmp_path: Path, fault: Fault) -> None:
    """As for a pipe, a device or a file in its place."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    said = assert_refused(command("--out", loop, env=WIDE), "cannot be written to: Not a directory")
    fault("--out is a link to itself", seen=said, survives=NOTHING)


@pytest.mark.parametrize("option", ["--out", "--new-task"])
def test_a_disk_that_is_full_from_the_start(option: str, tmp_path: Path, fault: Fault) -> None:
    """There is space for a directory, and none for a file in it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    full = f"mount -t tmpfs -o size=8k none {disk}\nhead -c 9000 /dev/zero >{disk}/x || true"
    run = [sys.executable, "-m", "compare.parity", option, disk / "new" / "place"]
    left = ["sh", "-c", f'"$@"; status=$?; find {disk} -mindepth 1; exit $status', "sh", *run]
    done = mounted(full, left, WIDE)
    assert done.returncode == 2, done.stderr
    assert done.stdout.split() == [f"{disk}/x"]
    line = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "cannot be written" in line
    assert "No space left on device. Name a directory" in line
    fault(f"A full disk for {option}", seen=line, survives=NOTHING)


def test_a_working_directory_that_is_gone(tmp_path: Path, fault: Fault) -> None:
    """As after another program made it anew."""
    gone = tmp_path / "gone"
    gone.mkdir()
    run = shlex.join([sys.executable, "-m", "compare.run", "--out", str(tmp_path / "out")])
    done = subprocess.run(
        ["sh", "-c", f"rmdir {shlex.quote(str(gone))}; exec {run}"],
        cwd=gone, env=WIDE | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = assert_refused(done, "the directory that this command was started in cannot be found")
    fault("The working directory does not exist any more", seen=said, survives=NOTHING)


@pytest.mark.parametrize("name", ["my first $port", "-port"])
def test_advice_can_be_typed(name: str, tmp_path: Path, fault: Fault) -> None:
    """A shell reads the advised command's paths as they are."""
    environment = WIDE | {"PYTHONPATH": str(ROOT)}
    done = command(f"--new-task={name}", module="compare.parity", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    advised = shlex.split(done.stdout.splitlines()[-1].removeprefix("prove it"))
    paths = [word for word in advised if word.endswith(".py")]
    assert len(paths) == 3
    assert all((tmp_path / path).is_file() and not path.startswith("-") for path in paths)
    words = "the next command, with its paths quoted, or after `./`"
    fault(f"A directory called `{name}`", words=words, survives="all")


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
def test_standard_error_that_takes_nothing(stream: str, tmp_path: Path, fault: Fault) -> None:
    """The status still tells a refusal from a failure, and standard output holds no error."""
    run = shlex.join([sys.executable, "-m", "compare.report", str(tmp_path / "none")])
    refused = script(tmp_path / "refused", f"exec {run} {stream}")
    done = subprocess.run([refused], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    fault(f"Standard error is closed or full (`{stream}`)", words="nothing", survives=NOTHING)


@pytest.mark.proof
def test_a_disk_that_is_full_for_a_conversion(tmp_path: Path, fault: Fault) -> None:
    """The system's reason, not a framework's words for it."""
    disk, source = tmp_path / "disk", tmp_path / "source.safetensors"
    disk.mkdir()
    safetensors.numpy.save_file(trained_alike(), source)
    run = [sys.executable, "-m", "compare.convert", source, disk / "weights.pt"]
    said = assert_refused(
        mounted(f"mount -t tmpfs -o size=800k none {disk}", run, WIDE),
        "weights.pt cannot be written: No space left on device",
    )
    fault(
        "A full disk for a conversion", seen=said, survives="the source; no target is written; exit status 2"
    )


@pytest.mark.proof
def test_a_system_without_proc(tmp_path: Path, fault: Fault) -> None:
    """TensorFlow aborts over a number; the cause is told beside it."""
    options = ["--steps", 1, "--batch-size", 2, "--data-dir", small_data(tmp_path / "data")]
    places = ["--variants", "tf:eager", "--out", tmp_path / "out"]
    run = [sys.executable, "-m", "compare.parity", *options, *places]
    said = assert_refused(
        mounted("mount -t tmpfs none /proc", run, WIDE), "this system has no /proc, in which TensorFlow looks"
    )
    seen = re.sub(r"last line: .*; log", "last line: what TensorFlow printed; log", said)
    fault("A system without /proc", seen=seen, survives="nothing was trained; exit status 2")
