"""A misleading environment: both sides get the same values, or the run says that they do not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compare.cpus import usable_cpus
from tests.commands import (
    ROOT,
    SMALL,
    WIDE,
    command,
    interpreter,
    processes_of,
    results_of,
    script,
    small_data,
    small_run,
)
from tests.faults.recording import Fault

FAULTS = "A misleading environment"
NOTHING = "nothing: the workers do not get it"
BOTH = "the run; both sides read back the same"

VARIABLES = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "OMP_PROC_BIND": "true", "GOMP_CPU_AFFINITY": "0", "KMP_AFFINITY": "compact", "OMP_WAIT_POLICY": "active",
    "MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4096",
    "TF_ENABLE_ONEDNN_OPTS": "0", "TF_DETERMINISTIC_OPS": "1", "XLA_FLAGS": "--no_such_flag",
    "ATEN_CPU_CAPABILITY": "default", "TORCH_LOGS": "+all", "PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "1",
    "PYTHONWARNINGS": "error", "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "0",
    "LC_ALL": "tr_TR.ISO-8859-9", "LANG": "de_DE", "TZ": "Asia/Kathmandu",
    "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "60", "PYTHONIOENCODING": "ascii",
}  # fmt: skip


@dataclass(frozen=True)
class Lied:
    """A run in a misleading environment, and what it left."""

    done: subprocess.CompletedProcess[str]
    out: Path
    shadow: Path
    results: dict[str, Any]


def clone(directory: Path) -> Path:
    """Return the files that a run needs, somewhere else."""
    for name in ("compare", "tf_impl", "torch_impl"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "lenet_spec.py", directory)
    return directory


def shadows(directory: Path) -> Path:
    """Write packages that stand in for the real ones, and a sitecustomize that says who ran it."""
    for name in ("tensorflow", "torch", "keras"):
        (directory / name).mkdir(parents=True)
        (directory / name / "__init__.py").write_text("raise RuntimeError('a shadow was imported')\n")
    said = f"with open({str(directory / 'ran')!r}, 'a') as f: print(sys.orig_argv, file=f)"
    (directory / "sitecustomize.py").write_text(f"import sys\n{said}\n")
    return directory


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> Lied:
    """One real run, in which every lie is told at once, from a clone and to places with odd names."""
    place = tmp_path_factory.mktemp("lies") / "ein Täuschungs-Versuch “ü”"
    shadow, root, home = shadows(place / "shadow"), clone(place / "der Klon"), place / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text(
        json.dumps({"floatx": "float16", "backend": "torch", "image_data_format": "channels_first"})
    )
    home.chmod(0o555)
    out = place / "Läufe und mehr"
    environment = os.environ | VARIABLES | {"HOME": str(home), "PYTHONPATH": f"{shadow}:{root}"}
    data = small_data(place / "Daten – 数据")
    # nobody can write to /proc, root neither
    done = command(
        *SMALL, "--steps", "6", "--batch-size", "8", "--data-dir", data, "--out", out,
        cwd=Path("/proc"), env=environment,
    )  # fmt: skip
    return Lied(done, out, shadow, results_of(out))


def test_the_run_ends_well(lied: Lied) -> None:
    """The run exits with 0, prints no error, shows both frameworks and leaves the home directory alone."""
    assert (lied.done.returncode, lied.done.stderr) == (0, ""), lied.done.stdout + lied.done.stderr
    assert [run["status"] for run in lied.results["runs"]] == ["ok", "ok"]
    assert (lied.out / "report.html").exists()
    assert sorted(path.name for path in (lied.shadow.parent / "home").rglob("*")) == [".keras", "keras.json"]


def test_variables_of_the_shell_reach_neither_side(lied: Lied, fault: Fault) -> None:
    """Each worker reads back the variables that it was given, and both sides have the same."""
    tf, torch = lied.results["runs"]
    assert tf["worker_environment"] == torch["worker_environment"]
    threads = str(usable_cpus())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        assert tf["worker_environment"][name] == threads
    assert tf["threads"]["intra_op"] == torch["threads"]["intra_op"] == usable_cpus()
    assert tf["worker_environment"]["KERAS_BACKEND"] == "tensorflow"
    assert tf["worker_environment"]["CUDA_VISIBLE_DEVICES"] == "-1"
    for run in (tf, torch):
        assert run["runtime"]["deterministic"] is False
        assert "MALLOC_TRIM_THRESHOLD_" in run["worker_environment"]
    words = "nothing: the workers' variables are set anew, read back and recorded"
    fault("Thread counts, thread binding and allocator switches in the shell", words=words, survives=BOTH)
    fault("Switches of TensorFlow, XLA, PyTorch and Keras in the shell", words=words, survives=BOTH)


def test_both_computed_alike(lied: Lied, fault: Fault) -> None:
    """Although keras.json asks for float16 in another layout, the first losses agree in float32."""
    tf, torch = lied.results["runs"]
    assert tf["losses"][0] == pytest.approx(torch["losses"][0], abs=1e-5)
    assert lied.results["parity"]["passed"]
    words = "nothing: it is not read, and no new one is written"
    fault("A keras.json that asks for float16 and another backend", words=words, survives=BOTH)


def test_packages_on_pythonpath_do_not_shadow(lied: Lied, fault: Fault) -> None:
    """Neither shadow was imported, and sitecustomize ran only in the command that the user started."""
    ran = (lied.shadow / "ran").read_text()
    assert "compare.run" in ran
    assert "bootstrap" not in ran
    assert lied.results["runs"][0]["versions"]["tensorflow"][0].isdigit()
    fault("PYTHONPATH with other packages named tensorflow and torch", words=NOTHING, survives=BOTH)
    fault("A sitecustomize on PYTHONPATH", words=NOTHING, survives=BOTH)


def test_formats_do_not_follow_the_locale(lied: Lied, fault: Fault) -> None:
    """Numbers have a dot in files and in the table, and signs that ASCII lacks become question marks."""
    line = (lied.out / "curves.csv").read_text().splitlines()[1]
    assert re.search(r"\d\.\d", line)
    assert "," in line
    assert lied.done.stdout.isascii()
    assert re.search(r"\d\.\d", lied.done.stdout)
    assert "×" in (lied.out / "report.md").read_text(encoding="utf-8")
    words = "a ? for each sign that the terminal's encoding lacks; files are UTF-8"
    what = "A locale with another decimal sign, another alphabet, or ASCII only"
    fault(what, words=words, survives="the run")
    assert not re.search(r"05:45|\+0545", line)
    fault("Another time zone", words="nothing: no result holds a time of day", survives="the run")


def test_a_narrow_terminal_without_colour(lied: Lied, fault: Fault) -> None:
    """No escape sequence is printed, and only the report's path may be longer than 60 columns."""
    assert "\x1b" not in lied.done.stdout
    long = [line for line in lied.done.stdout.splitlines() if len(line) > 60]
    assert all(line.startswith(("report", "LeNet on", "parity")) for line in long), long
    words = "the same tables, folded, without colour"
    what = "A terminal without colour (NO_COLOR, TERM=dumb), of 60 columns, or a pipe"
    fault(what, words=words, survives="all")


def test_odd_places(lied: Lied, fault: Fault) -> None:
    """The paths of clone, data and results may contain spaces, quotes and non-ASCII letters."""
    page = (lied.out / "report.html").read_text(encoding="utf-8")
    assert "Traceback" not in page
    fault(
        "Spaces and non-ASCII letters in every path, also in that of the clone",
        words="nothing",
        survives="the run",
    )
    fault("A working directory that cannot be written, with --out", words="nothing", survives="the run")
    fault("A home directory that cannot be written", words="nothing", survives="the run")


def test_a_working_directory_that_cannot_be_written(fault: Fault) -> None:
    """Without --out, a working directory that cannot be written is refused."""
    done = command(cwd=Path("/proc"), env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 2
    assert re.match(r"error: --out: runs/\S+ cannot be written to: ", done.stderr)
    seen = re.sub(r"runs/\S+", "runs/TIME", done.stderr)
    fault(
        "A working directory that cannot be written", seen=seen, survives="nothing was started; exit status 2"
    )


CAPTIONS = {
    "affinity": "One side's interpreter is pinned to one CPU",
    "variable": "One side's interpreter sets its own thread count",
}


@pytest.mark.usefixtures("all_cpus")
def test_an_interpreter_that_favours_a_side_is_found_out(tmp_path: Path, fault: Fault) -> None:
    """If a script replaces the interpreter and changes settings, the worker's report reveals it."""
    if usable_cpus() < 2:
        pytest.skip("needs two CPUs: with one there is nothing to take away")
    cpu = min(os.sched_getaffinity(0))
    pinned = interpreter(tmp_path / "pinned", before=f"taskset -p -c {cpu} $$ >/dev/null")
    starved = interpreter(tmp_path / "starved", before="export OMP_NUM_THREADS=1")
    done = command(*small_run(tmp_path, tf=pinned, torch=starved), env=WIDE)
    assert done.returncode == 1
    tf, torch = results_of(tmp_path / "out")["runs"]
    assert tf["status"] == torch["status"] == "failed"
    assert f"it may run on CPUs [{cpu}], this command on" in tf["reason"]
    assert "OMP_NUM_THREADS is '1' in the worker, but should be" in torch["reason"]
    for run, what in ((tf, "affinity"), (torch, "variable")):
        seen = re.sub(r"\[[\d, ]+\]|'\d+'", "N", f"{run['label']} seed 0: failed: {run['reason']}")
        assert f"{run['label']} seed 0: failed: {run['reason']}" in done.stdout
        fault(CAPTIONS[what], seen=seen, survives="the other side's results; exit status 1")


def fake_framework(directory: Path, name: str, version: str, source: str = "") -> Path:
    """Return a package with metadata, as pip leaves them."""
    (directory / name).mkdir(parents=True)
    (directory / name / "__init__.py").write_text(source or f"__version__ = {version!r}\n")
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return directory


def with_packages(path: Path, packages: Path, before: str = "") -> Path:
    """Return an interpreter that finds these packages first, with any options."""
    start = (
        "import runpy, sys; "
        f"sys.path.insert(0, {str(packages)!r}); "
        "sys.argv = sys.argv[3:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return script(path, f'{before}\nexec {sys.executable} -c "{start}" "$@"')


def test_frameworks_that_cannot_be_used(tmp_path: Path, fault: Fault) -> None:
    """Unsupported versions and failed imports each get a row that says what to install."""
    old = with_packages(tmp_path / "old", fake_framework(tmp_path / "1", "tensorflow", "2.4.1"))
    raising = "raise AttributeError('_ARRAY_API not found')"
    broken = with_packages(tmp_path / "broken", fake_framework(tmp_path / "2", "torch", "2.14.1", raising))
    done = command(*small_run(tmp_path, tf=old, torch=broken), env=WIDE)
    assert done.returncode == 1, done.stderr
    tf, torch = results_of(tmp_path / "out")["runs"]
    assert tf["status"] == torch["status"] == "unavailable"
    assert (
        'tensorflow 2.4.1 is not supported: it must be 2.18 or newer, and below 3. Install "' in tf["reason"]
    )
    assert "AttributeError: _ARRAY_API not found" in torch["reason"]
    captions = ("A framework of a version that is not supported", "A framework that cannot be imported")
    for run, what in zip((tf, torch), captions, strict=True):
        line = f"{run['label']} seed 0: unavailable: {run['reason']}"
        assert f"seed 0: unavailable: {run['reason']}" in done.stdout
        fault(what, seen=line, survives="the other side's results; exit status 1")


def short_climb(directory: Path) -> list[object]:
    """Return options of `compare.parity` for a few small steps of torch."""
    places = ["--data-dir", small_data(directory / "data"), "--out", directory / "out"]
    return ["--variants", "torch:eager", "--steps", 2, "--batch-size", 2, *places]


def test_too_little_memory_to_import(tmp_path: Path, fault: Fault) -> None:
    """If memory is too small for torch's libraries, the message says so."""
    limited = script(tmp_path / "limited", f'ulimit -v 700000; exec {sys.executable} "$@"')
    done = command(*short_climb(tmp_path), "--torch-python", limited, module="compare.parity", env=WIDE)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert re.search(
        r"torch:eager: .*(failed to map segment|[Cc]annot allocate|not enough memory)", done.stderr
    )
    assert processes_of(tmp_path) == []
    seen = re.sub(r"(import|: )(lib\S+?\.so\S*|/\S+\.so\S*)", r"\1LIBRARY", done.stderr)
    fault("Too little memory to load a framework (ulimit -v)", seen=seen, survives="nothing was trained")


INTERPRETERS = {
    "An interpreter older than Python 3.11": (
        "echo 'Unknown option: -P' >&2; echo 'Try `python -h` for more information.' >&2; exit 2",
        "its interpreter is older than Python 3.11. Name a newer one",
    ),
    "An interpreter without NumPy": (
        f'exec {sys.executable} -S -X frozen_modules=off "$@"',
        "its interpreter lacks numpy, msgspec, safetensors. Install what is missing: ",
    ),
    "A program that is no interpreter": ("exec /bin/false", "exited with status 1"),
}


@pytest.mark.parametrize("what", INTERPRETERS)
def test_an_interpreter_that_cannot_run_a_worker(tmp_path: Path, what: str, fault: Fault) -> None:
    """The message names the framework, and gives the interpreter's last reason."""
    lines, said = INTERPRETERS[what]
    python = script(tmp_path / "python", lines)
    done = command(*short_climb(tmp_path), "--torch-python", python, module="compare.parity")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert said in done.stderr
    fault(what, seen=done.stderr, survives="nothing was trained; exit status 2")
