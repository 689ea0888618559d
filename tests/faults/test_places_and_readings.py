"""The real command on a machine that refuses or hides readings, modes, commits and places."""

from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import (
    ROOT,
    WIDE,
    assert_refused,
    bare_python,
    command,
    interpreter,
    results_of,
    site_of,
    small_data,
    small_run,
)
from tests.faults.recording import Fault
from tests.sandbox import mounted, refusing

FAULTS = "A machine that refuses or hides"
REFUSED = "nothing was trained; exit status 2"
NAME = "Anna-Maria"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
REFUSED_CALLS = {
    "flock": "ENOLCK", "fchmod": "EPERM", "chmod": "EPERM", "fchmodat": "EPERM", "pidfd_open": "ENOSYS",
    "setsid": "EPERM", "sysinfo": "EPERM", "statfs": "EPERM", "getpriority": "EPERM",
}  # fmt: skip
UNREADABLE = """
import os, psutil, runpy
def fails(*_, **__): raise NotImplementedError("x")
psutil.cpu_freq = psutil.virtual_memory = os.getloadavg = fails
runpy.run_module("compare.run", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Hindered:
    """A run under everything at once, and its resumption under something else."""

    first: subprocess.CompletedProcess[str]
    resumed: subprocess.CompletedProcess[str]
    home: Path

    @property
    def out(self) -> Path:
        return self.home / "x"


@pytest.fixture(scope="module")
def hindered(tmp_path_factory: pytest.TempPathFactory) -> Hindered:
    """Run where the kernel refuses and hides, then resume where it hides other things."""
    home = tmp_path_factory.mktemp("home") / NAME
    home.mkdir()
    (home / "cpuinfo").write_text(ARM)
    variables = WIDE | {"HOME": str(home), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    options = list(map(str, small_run(home)))
    place = options.index("--out")
    options[place : place + 2] = ["--out=~/x"]
    arm = f"umask 077\nmount --bind {home}/cpuinfo /proc/cpuinfo\nmount -t tmpfs none /sys"
    run = refusing(REFUSED_CALLS, [sys.executable, "-c", UNREADABLE, *options])
    first = mounted(arm, run, variables)
    hidden = "umask 077\nmount -t proc -o subset=pid proc /proc"
    resume = [sys.executable, "-m", "compare.run", "--resume", home / "x", "--data-dir", home / "data"]
    pythons = ["--tf-python", home / "python", "--torch-python", home / "python"]
    return Hindered(first, mounted(hidden, [*resume, *pythons], WIDE), home)


def test_both_end_well(hindered: Hindered, fault: Fault) -> None:
    """Both sides are trained, and no traceback is printed."""
    for done in (hindered.first, hindered.resumed):
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    results = results_of(hindered.out)
    assert [run["status"] for run in results["runs"]] == ["ok", "ok"]
    assert results["environment"]["memory_bytes"] is None
    survives = "the run, and --resume"
    fault(
        "A clock, a load and a memory that cannot be read",
        words="nothing: the value is unknown",
        survives=survives,
    )
    what = "A sandbox or file system without locks, modes, sessions and pidfd"
    fault(what, words="nothing", survives=survives)
    fault(
        "An empty /sys, and /proc with processes only",
        words="nothing: the value is unknown",
        survives=survives,
    )


def test_a_processor_without_a_model_name(hindered: Hindered, fault: Fault) -> None:
    """A processor without a model name, as on ARM, is named by its maker and its part."""
    assert "Arm Neoverse-N1" in hindered.first.stdout
    fault("A processor without a model name, as ARM's", words="its maker and part", survives="the run")


def test_a_tilde_after_an_equals_sign(hindered: Hindered, fault: Fault) -> None:
    """The run expands a tilde that the shell leaves unchanged."""
    assert (hindered.out / "results.json").exists()
    assert not (ROOT / "~").exists()
    fault(
        "`--out=~/x`, which no shell expands",
        words="nothing: it is x in your home directory",
        survives="the run",
    )


def test_files_for_one_user_alone(hindered: Hindered, fault: Fault) -> None:
    """`umask 077` applies to all files that a run writes."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in hindered.out.rglob("*") if path.is_file()}
    assert modes == {0o600}
    fault("`umask 077`", words="nothing: files are the user's own", survives="the run")


def test_a_clone_of_another_user(hindered: Hindered, fault: Fault) -> None:
    """A run without a known commit can be resumed when git knows the commit."""
    assert hindered.resumed.returncode == 0
    assert "commit unknown" in results_of(hindered.out)["environment"]["code_version"]
    words = "nothing: an unknown commit"
    fault("A clone whose commit git does not give", words=words, survives="the run, and --resume")


def test_no_name_of_a_person_or_place(hindered: Hindered, fault: Fault) -> None:
    """Neither files nor pages contain the path of the data, because results are given to others."""
    shared = [path for path in hindered.out.rglob("*") if path.suffix in {".json", ".md", ".html", ".csv"}]
    assert len(shared) >= 4
    assert not [path.name for path in shared if NAME in path.read_text(encoding="utf-8")]
    words = "nothing: no file of results holds it"
    fault("A data directory under a person's name", words=words, survives="the run")


def climb(directory: Path, *options: object) -> list[object]:
    """Return options of `compare.parity` for one small step of torch."""
    short = ["--variants", "torch:eager", "--steps", 1, "--batch-size", 2]
    return [*short, "--data-dir", small_data(directory / "data"), *options]


def test_a_script_without_an_interpreter_line(tmp_path: Path, fault: Fault) -> None:
    """The ladder names the option of the script, as a run does."""
    bare = tmp_path / "py"
    bare.write_text('exec python3 "$@"\n')
    bare.chmod(0o755)
    options = climb(tmp_path, "--torch-python", bare, "--out", tmp_path / "out")
    done = command(*options, module="compare.parity", env=WIDE)
    said = assert_refused(done, "the program of --torch-python cannot be run: Exec format error")
    assert not (tmp_path / "out").exists()
    fault("An interpreter that is a script without #!", seen=said, survives=REFUSED)


def test_a_damaged_library_of_a_framework(tmp_path: Path, fault: Fault) -> None:
    """The message gives the line with the reason, not the first line of the traceback, and names the log."""
    library = site_of(Path(sys.prefix)) / "tensorflow/python/_pywrap_tensorflow_internal.so"
    if not library.exists():
        pytest.skip(f"needs TensorFlow's {library.name}")
    (tmp_path / "empty").touch()
    options = climb(tmp_path, "--variants", "tf:eager", "--out", tmp_path / "out")
    run = [sys.executable, "-m", "compare.parity", *options]
    done = mounted(f"mount --bind {tmp_path}/empty {library}", run, WIDE)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "file too short" in done.stderr
    assert "ladder-tf" in done.stderr
    assert "Traceback" not in done.stderr
    fault("A library of a framework is damaged", seen=done.stderr, survives=REFUSED)


def test_a_framework_that_only_pythonpath_has(tmp_path: Path, fault: Fault) -> None:
    """The message says that a worker does not get PYTHONPATH."""
    options = climb(tmp_path, "--torch-python", bare_python(tmp_path / "bare"), "--out", tmp_path / "out")
    variables = WIDE | {"PYTHONPATH": f"{ROOT}:{site_of(Path(sys.prefix))}"}
    done = command(*options, module="compare.parity", env=variables)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "torch is not installed" in done.stderr
    assert "PYTHONPATH" in done.stderr
    fault("A framework that only PYTHONPATH leads to", seen=done.stderr, survives=REFUSED)


def test_starts_in_one_second(tmp_path: Path, fault: Fault) -> None:
    """Runs that start in the same second have different directories."""
    options = climb(tmp_path, "--torch-python", interpreter(tmp_path / "python"))
    run = [sys.executable, "-m", "compare.parity", *map(str, options)]
    here = tmp_path / "here"
    here.mkdir()
    variables = WIDE | {"PYTHONPATH": str(ROOT)}
    started = [subprocess.Popen(run, cwd=here, env=variables, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait(120) for one in started] == [0, 0, 0]
    assert len(list(here.glob("runs/*/parity.json"))) == 3
    words = "nothing: each run has its own directory"
    fault("Three starts in one second, without --out", words=words, survives="all three")


def test_a_refusal_leaves_nothing(tmp_path: Path, fault: Fault) -> None:
    """A refused command is refused for the same reason when it is repeated."""
    options = climb(tmp_path, "--device", "cuda", "--out", tmp_path / "out")
    hidden = WIDE | {"CUDA_VISIBLE_DEVICES": ""}
    first, again = (command(*options, module="compare.parity", env=hidden) for _ in range(2))
    assert first.returncode == again.returncode == 2
    assert first.stderr == again.stderr
    assert not (tmp_path / "out").exists()
    words = "the same refusal: nothing was left"
    fault("A refused command, given again", words=words, survives=REFUSED)


def test_a_port_that_is_called_like_a_module(tmp_path: Path, fault: Fault) -> None:
    """A right port named copy.py, in a package, that parses options on import, climbs the ladder."""
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parsing.py").write_text("import argparse\nargparse.ArgumentParser().parse_args()\n")
    port = (ROOT / "docs" / "examples" / "mended_port.py").read_text()
    assert "\nimport math\n" in port
    mine = port.replace("\nimport math\n", "\nimport math\nfrom . import parsing\n")
    (package / "copy.py").write_text(mine)
    options = climb(tmp_path, "--torch-module", package / "copy.py", "--out", tmp_path / "out")
    done = command(*options, module="compare.parity", env=WIDE)
    assert done.returncode == 0, done.stdout + done.stderr
    what = "A port called copy.py, in a package, that parses options on import"
    fault(what, words="nothing: it climbs", survives="the climb")
