"""What refuses a worker's start is told by its own name; what a worker can do without is gone without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compare.processes.launcher import Worker, WorkerNotStarted
from tests.sandbox import refusing

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fake_worker.py"
PIDS = Path("/sys/fs/cgroup/pids")

# Starts a worker, asks it something, ends it, and says what it had.
ASK = f"""
import os, sys, tempfile
from pathlib import Path
from compare.processes.launcher import Worker, WorkerFailed
from compare.protocol import messages
command = [sys.executable, {str(FAKE)!r}, sys.argv[1]]
environment = os.environ | {{"PYTHONPATH": {str(ROOT)!r}}}
try:
    with Worker(command, environment=environment, log_path=None, name="tf:fake") as worker:
        worker.request(messages.Probe("tf", "cpu"), messages.Probed, 20)
        print("answered", worker.exit_fd is not None, os.getsid(worker.process.pid) == worker.process.pid)
except WorkerFailed as failure:
    print(failure)
print(list(Path(tempfile.gettempdir()).iterdir()))
"""


def refused(program: Path | str, **options: str) -> WorkerNotStarted:
    """Return how the start of a program as a worker fails."""
    with pytest.raises(WorkerNotStarted) as caught:
        Worker([str(program)], environment={}, log_path=None, name="tf:eager", **options)
    return caught.value


def program(path: Path, content: str, mode: int = 0o755) -> Path:
    """Write a file that should be a program."""
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_program_that_cannot_be_run_is_named_by_its_option(tmp_path: Path) -> None:
    """With the reason that the system gives, in words that help."""
    script = program(tmp_path / "py", 'exec python3 "$@"\n')
    reason = "Exec format error. A script needs #! and an interpreter in its first line"
    said = refused(script, option="--torch-python")
    assert str(said) == (
        f"tf:eager: the program of --torch-python cannot be run: {reason}. Name a Python interpreter"
    )
    assert said.interpreter


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path / "none", "No such file or directory"),
        (lambda path: path, "Permission denied"),
        (lambda path: program(path / "py", "#!/no/such/python\n"), "the interpreter in its first line"),
        (lambda path: program(path / "py", "#!/bin/sh\n", 0o644), "Permission denied"),
        (lambda path: program(path / "py", "\x7fELF"), "Exec format error"),
    ],
)
def test_each_way_in_which_a_program_is_none(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    """Missing, a directory, forbidden, of another kind."""
    path = make(tmp_path)
    said = refused(path)
    assert f"{path} cannot be run: {reason}" in str(said)
    assert said.interpreter


def test_an_environment_that_is_too_large_is_no_fault_of_the_program() -> None:
    """The same call fails, for another reason."""
    with pytest.raises(WorkerNotStarted) as caught:
        Worker(["true"], environment={"A": "x" * 3_000_000}, log_path=None, name="tf")
    assert "it needs a process, and the system says: Argument list too long. Remove" in str(caught.value)
    assert not caught.value.interpreter


def test_no_place_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory is named, not the interpreter."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    said = refused(sys.executable)
    assert "cannot be started: it needs a directory for temporary files (" in str(said)
    assert str(said).endswith(", and the system says: No such file or directory")
    assert not said.interpreter


def test_no_log(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "log").mkdir()
    with pytest.raises(WorkerNotStarted, match=rf"needs a log, {tmp_path}/log, and .* Is a directory"):
        Worker([sys.executable], environment={}, log_path=tmp_path / "log", name="tf:eager")


def ask(*command: str, temporary: Path) -> list[str]:
    """Run ASK by a command, and return what it prints."""
    done = subprocess.run(
        [*command], cwd=ROOT, env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def open_descriptors() -> list[int]:
    """Return the numbers of this process's open files; the listing's own is closed by then."""
    return sorted(int(link.name) for link in Path("/proc/self/fd").iterdir() if link.exists())


@pytest.mark.parametrize("free", range(9))
def test_no_descriptor_is_left(free: int) -> None:
    """`ulimit -n`: what could not be had, and what to raise; what was opened before is closed again."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = open_descriptors()
    unused = [number for number in range(max(before) + 12) if number not in before]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (unused[free], limits[1]))
        said = str(refused(sys.executable))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert said.startswith("tf:eager cannot be started: it needs a")
    assert "Too many open files" in said
    assert said.endswith("Raise the limit on open files: ulimit -n")
    assert open_descriptors() == before


@pytest.fixture
def few_processes() -> Iterator[Path]:
    """Make a real group that holds one process; skip visibly if this user may not."""
    group = PIDS / f"lenet-compare-{os.getpid()}"
    try:
        group.mkdir()
        (group / "pids.max").write_text("1")
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no group with a limit on processes can be made here: {error}")
    yield group
    group.rmdir()


def test_no_process_can_be_started(few_processes: Path, tmp_path: Path) -> None:
    """A container's limit on processes: neither the interpreter nor a bare number is blamed."""
    join = f"echo $$ >{few_processes}/cgroup.procs && exec "
    lines = ask("sh", "-c", f'{join}"$@"', "sh", sys.executable, "-c", ASK, "good", temporary=tmp_path)
    assert "needs a process, and the system says: Resource temporarily unavailable. Raise the" in lines[0]


SANDBOXES = {
    "no pidfd": ({"pidfd_open": "ENOSYS"}, "answered False True"),
    "no session": ({"setsid": "EPERM"}, "answered True False"),
    "neither, nor locks": (
        {"pidfd_open": "EPERM", "setsid": "EPERM", "flock": "ENOLCK"}, "answered False False",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SANDBOXES)
def test_what_is_only_nice_to_have_is_gone_without(name: str, tmp_path: Path) -> None:
    """The kernel refuses these calls for real; the worker answers, ends, and leaves nothing."""
    calls, answered = SANDBOXES[name]
    assert ask(*refusing(calls, [sys.executable, "-c", ASK, "good"]), temporary=tmp_path) == [answered, "[]"]


def test_a_worker_without_a_session_is_ended_all_the_same(tmp_path: Path) -> None:
    """It has no group of its own to be killed with."""
    code = ASK.replace(", 20)", ", 1)")
    command = [sys.executable, "-c", code, "hangs-ignoring-sigterm"]
    lines = ask(*refusing({"setsid": "EPERM", "pidfd_open": "ENOSYS"}, command), temporary=tmp_path)
    assert "tf:fake gave no answer to Probe in 1 s" in lines[0]
    assert lines[1] == "[]"


def test_a_thread_that_cannot_be_started_is_a_line(few_processes: Path, tmp_path: Path) -> None:
    """Not a traceback of `threading`."""
    code = (
        "import threading\n"
        "from compare.command_line import run_entry_point\n"
        "def main(_):\n"
        "    threading.Thread(target=print).start()\n"
        "    return 0\n"
        "run_entry_point(main)\n"
    )
    join = f"echo $$ >{few_processes}/cgroup.procs && exec "
    done = subprocess.run(
        ["sh", "-c", f'{join}"$@"', "sh", sys.executable, "-c", code],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: this system starts no more threads")
