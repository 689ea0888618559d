"""What every command's line is taken for: home directories, a system without POSIX's locks, file modes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.command_line import expand_home
from compare.errors import UserError
from compare.records.files import write_atomically
from tests.commands import ROOT


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (["--out", "~/runs"], ["--out", "HOME/runs"]),
        (["--out=~/runs"], ["--out=HOME/runs"]),
        (["~/a", "~/b"], ["HOME/a", "HOME/b"]),
        (["--out", "runs/~"], ["--out", "runs/~"]),
        (["--variants=tf:eager,torch:eager"], ["--variants=tf:eager,torch:eager"]),
    ],
)
def test_a_tilde_is_the_home_directory_wherever_it_stands(
    typed: list[str], taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `=` and in quotation marks no shell expands it."""
    monkeypatch.setenv("HOME", "/home/ann")
    assert expand_home(typed) == [one.replace("HOME", "/home/ann") for one in taken]


def test_a_home_directory_that_nobody_knows_is_refused() -> None:
    """No directory called `~nobody-here` is made by mistake."""
    with pytest.raises(
        UserError, match="--out=~nobody-here/runs: no home directory is known for ~nobody-here"
    ):
        expand_home(["--out=~nobody-here/runs"])


@pytest.mark.parametrize("module", ["run", "parity", "report", "convert", "calibrate", "merge"])
def test_a_system_without_file_locks_is_told_in_a_line(module: str) -> None:
    """As on Windows: exit 2, what to use, and no traceback."""
    without = "import runpy, sys; sys.modules['fcntl'] = None; sys.argv = ['x', '--help']; "
    program = f"{without}runpy.run_module('compare.{module}', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "this system lacks POSIX's file locks (fcntl). Use Linux, macOS, or Linux under" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def mask() -> Iterator[None]:
    """Let this process's files be read by its user alone, then as before."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("mask")
def test_the_umask_says_who_may_read_a_result(tmp_path: Path) -> None:
    """A file that is written anew gets no wider mode than the user's own."""
    write_atomically(tmp_path / "results.json", b"{}")
    assert stat.S_IMODE((tmp_path / "results.json").stat().st_mode) == 0o600
    os.umask(0o022)
    write_atomically(tmp_path / "results.json", b"{}")
    assert stat.S_IMODE((tmp_path / "results.json").stat().st_mode) == 0o644
