"""Options, terminals and files that do not fit: one or two lines, never a traceback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from compare.config_rules import check
from compare.errors import UserError
from compare.run import parse_config
from tests.commands import (
    ROOT,
    SMALL,
    WIDE,
    assert_refused,
    command,
    interpreter,
    results_of,
    script,
    small_data,
    small_run,
)
from tests.faults.recording import Fault

FAULTS = "The command line and its terminal"
NOTHING = "everything: nothing was started or written; exit status 2"

OPTIONS: dict[str, tuple[list[str], str]] = {
    "A device that does not exist": (["--device", "gpu"], "'gpu' is not a device"),
    "A variant that does not exist": (["--variants", "tf:eagre"], "'tf:eagre' is not a variant"),
    "A number below its minimum": (["--steps", "0"], "--steps is 0; it must be at least 1"),
    "A seed that no message can hold": (["--first-seed", "9" * 30], "it must be at most 4,294,967,295"),
    "A batch larger than any memory": (["--batch-size", "1000000000"], "it must be at most 65,536"),
    "More threads than CPUs": (["--threads", "4096"], "threads than CPUs you would measure the scheduler"),
    "A time-out that is not a number": (["--timeout", "nan"], "--timeout is nan s; it must be above 0"),
    "An infinite time-out": (["--timeout", "inf"], "--timeout is inf s; it must be above 0 and at most"),
    "A list with a zero": (["--batch-sizes", "1,0,8"], "--batch-sizes is 0; it must be at least 1"),
    "An interpreter that does not exist": (["--torch-python", "/no/such/python"], "is not a program"),
    "--download without a directory": (["--download", "KMNIST"], "--download needs --data-dir"),
    "A directory of results that is not empty": (["--out", str(ROOT / "docs")], "is not empty"),
    "A path that is not UTF-8": (["--out", os.fsdecode(b"/tmp/caf\xe9")], "is not UTF-8 at character 8"),
}


@pytest.mark.parametrize("what", [name for name in OPTIONS if "not empty" not in name])
def test_an_option_that_breaks_a_rule(what: str, fault: Fault) -> None:
    """A refusal names the option, the rule, the value and what to do."""
    options, said = OPTIONS[what]
    with pytest.raises(UserError) as raised:
        check(parse_config(options))
    message = str(raised.value)
    assert said in message
    assert len(message.splitlines()) <= 2
    fault(what, seen=f"error: {message}", survives=NOTHING)


def test_results_are_not_written_over(fault: Fault) -> None:
    """The command refuses a used --out, and names it."""
    what = "A directory of results that is not empty"
    options, said = OPTIONS[what]
    fault(what, seen=assert_refused(command(*options), said), survives="what is in it; exit status 2")


def test_a_file_in_the_place_of_results(tmp_path: Path, fault: Fault) -> None:
    """An --out that leads through a file is refused."""
    (tmp_path / "file").touch()
    said = assert_refused(
        command("--out", tmp_path / "file" / "run"), "cannot be written to: Not a directory"
    )
    fault("--out leads through a file", seen=said, survives=NOTHING)


def test_a_path_that_is_not_utf8_is_named_on_the_command_line() -> None:
    """The message shows such a path in a form that can be printed."""
    done = command("--out", os.fsdecode(b"/tmp/caf\xe9"))
    assert_refused(done, "'/tmp/caf\\udce9' is not UTF-8")


def test_closed_streams_and_a_reader_that_leaves(tmp_path: Path, fault: Fault) -> None:
    """If standard input, output and error are closed, the run still finishes and writes complete files."""
    out = tmp_path / "out"
    closing = script(tmp_path / "closing", f'exec {sys.executable} -m compare.run "$@" <&- >&- 2>&-')
    done = subprocess.run([closing, *map(str, small_run(tmp_path))], cwd=ROOT, timeout=300, check=False)
    assert done.returncode == 0
    assert [run["status"] for run in results_of(out)["runs"]] == ["ok", "ok"]
    assert (out / "report.html").exists()
    fault(
        "Standard input, output and error are closed", words="nothing", survives="all results; exit status 0"
    )


def test_a_reader_that_has_gone(fault: Fault) -> None:
    """A broken pipe, as in `compare.run --help | head -0`, gives no traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "compare.run", "--variants", "tf:eagre"],
        cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    fault("The reader of a pipe has gone", words="nothing", survives="what was written; exit status 1 or 2")


def test_output_on_a_full_disk(tmp_path: Path, fault: Fault) -> None:
    """The run's directory is on another disk: its results are kept, and --resume can continue."""
    out = tmp_path / "out"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "compare.run", *map(str, small_run(tmp_path))],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    line, further = done.stderr.splitlines()
    assert line.startswith("error: the output cannot be written: No space left on device. Send it elsewhere")
    assert further == f"To continue: python -m compare.run --resume {out}"
    assert (out / "results.json").exists()
    fault(
        "The output goes to a file on a full disk",
        words=line,
        survives="everything that was finished; `--resume` continues; exit status 1",
    )


def test_no_descriptor_is_left_for_a_worker(tmp_path: Path, fault: Fault) -> None:
    """If `ulimit -n` stops a launch from starting, its row gives the reason."""
    limited = script(tmp_path / "limited", f'ulimit -n 18; exec {sys.executable} -m compare.run "$@"')
    python = interpreter(tmp_path / "python")
    out = tmp_path / "out"
    done = subprocess.run(
        [limited, *SMALL, "--steps", "2", "--data-dir", str(small_data(tmp_path / "data")), "--out", str(out),
         "--variants", ",".join(["tf:eager"] * 4), "--tf-python", str(python)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env=WIDE,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [run for run in results_of(out)["runs"] if run["status"] == "failed"]
    assert failed
    assert all("system says: Too many open files. Raise the limit" in run["reason"] for run in failed)
    line = next(line for line in done.stdout.splitlines() if "Too many open files" in line)
    fault(
        "No file descriptor is left to start a worker",
        seen=re.sub(r"#\d+|: /\S+$", "", line),
        survives="the other launches",
    )
