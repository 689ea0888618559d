"""The first call says what it installs and how far it is, and a failure says what to do next."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import install
from tools.install_failures import advice

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "TMPDIR"),
        (
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError(\"Failed to "
                "establish a new connection: [Errno -3] Temporary failure in name resolution\")'\n"
                "ERROR: No matching distribution found for hatchling"
            ),
            "index cannot be reached",
        ),
        (
            "error: Failed to fetch: `https://…/simple/numpy/`\n  Caused by: dns error",
            "index cannot be reached",
        ),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'", "PIP_CERT"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "make PYTHON="),
        ("The virtual environment was not created because ensurepip is not available.", "-venv"),
        ("ERROR: [Errno 13] Permission denied: '.venv'", "the right to write"),
        ("line\nERROR: something new\nlast", "ERROR: something new"),
        ("", "printed nothing"),
    ],
)
def test_a_failure_says_what_to_do_next(printed: str, said: str) -> None:
    """The cause decides; an unknown one is quoted."""
    assert said in advice(printed)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (572.4 MB)\n",
            "tensorflow, 572",
        ),
        ("Downloading torch (915.0MiB)\n", "torch, 915.0 MB"),
        ("  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)\n", None),
        ("  Downloading altair-6.3.0-py3-none-any.whl (0.8 MB)\n", None),
        ("Collecting numpy\n", None),
        ("Installing collected packages: six, numpy, torch\n", "unpacking 3 packages"),
        ("Resolved 118 packages in 2.31s\n", "Resolved 118 packages"),
    ],
)
def test_large_downloads_and_phases_are_shown(line: str, shown: str | None, tmp_path: Path) -> None:
    """pip's lines and uv's; hundreds of small ones are not."""
    found = install.Progress(tmp_path / ".venv").line(line)
    assert found is None if shown is None else shown in (found or "")


def test_silence_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the installer says nothing, the phase and the bytes written are shown."""
    monkeypatch.setattr(install, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(install, "free", lambda _: 10**12)
    code = "import time; print('Installing collected packages: a, b', flush=True); time.sleep(0.5)"
    status, output = install.followed([sys.executable, "-c", code], install.Progress(tmp_path / ".venv"))
    assert (status, output) == (0, "Installing collected packages: a, b\n")
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "  unpacking 2 packages"
    assert others
    assert all("unpacking 2 packages · 0.0 GB written so far" in line for line in others)


def test_an_index_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """After the tries for one package: pip would try as often for each of the others."""
    code = (
        "import time\n"
        "print('WARNING: Retrying (Retry(total=0, connect=None)) after connection broken', flush=True)\n"
        "time.sleep(60)"
    )
    status, _ = install.followed([sys.executable, "-c", code], install.Progress(tmp_path / ".venv"))
    assert status == -signal.SIGTERM


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """The disk is full when the advice to free space is needed most."""
    assert install.written(Path("/dev/full"), "text") == ""
    assert str(tmp_path / "log") in install.written(tmp_path / "log", "text")


def test_a_broken_environment_is_made_again(tmp_path: Path) -> None:
    """One whose interpreter is gone, as after an upgrade of the system; one that works is kept."""
    directory = tmp_path / ".venv"
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "python").symlink_to("/no/such/python")
    make, fill = install.commands(directory, ["numpy"], None)
    assert not directory.exists()
    assert make == [sys.executable, "-m", "venv", str(directory)]
    assert fill[1:4] == ["-m", "pip", "install"]
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "python").symlink_to(sys.executable)
    (only,) = install.commands(directory, ["numpy"], "/bin/uv")
    assert only[:3] == ["/bin/uv", "pip", "install"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_failed_installation_ends_make_in_two_lines(tmp_path: Path) -> None:
    """uv is asked if it exists; its cause becomes advice, its output a log; nothing counts as installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text("#!/bin/sh\necho 'error: No space left on device (os error 28)'\nexit 2\n")
    uv.chmod(0o755)
    env = os.environ | {"PATH": f"{uv.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", "compare", f"PYTHON={sys.executable}"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Installing TensorFlow, PyTorch" in done.stdout
    advised, log, *_ = done.stderr.splitlines()
    assert advised.startswith("error: The disk is full.")
    assert log == "All that the installer printed: .venv.log"
    assert "os error 28" in (tmp_path / ".venv.log").read_text()
    assert not (tmp_path / ".venv" / ".installed").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_python_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Before anything is fetched, with the versions that fit."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "--no-print-directory", "compare", "PYTHON=false"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "error: Python 3.11, 3.12 or 3.13 is needed, and 'false' is not one." in done.stderr
    assert not done.stdout


def test_the_silence_of_two_commands_counts_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is silent for less than the limit, both together for longer: a line shows that it goes on."""
    sleep = [sys.executable, "-c", "import time; time.sleep(0.3)"]
    monkeypatch.setattr(install, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(install, "commands", lambda *_: [sleep, sleep])
    assert install.main([str(tmp_path / ".venv")]) == 0
    assert "starting" in capsys.readouterr().out
