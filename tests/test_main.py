"""Every command can be reached as `lenet-compare COMMAND`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from compare.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m compare` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "compare", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_every_command_is_in_the_table() -> None:
    """A module that can be run is a command."""
    modules = {
        path.stem
        for path in (ROOT / "compare").glob("[a-z]*.py")
        if "run_entry_point(main)" in path.read_text(encoding="utf-8")
    }
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gets_the_arguments_that_follow_its_name(name: str) -> None:
    """As `python -m compare.NAME` would."""
    done = compare(name, "--help")
    assert done.returncode == 0
    assert f"usage: python -m compare.{name} " in done.stdout


def test_without_a_command_the_commands_are_listed() -> None:
    """With a sentence for each."""
    done = compare()
    assert done.returncode == 0
    assert all(f"{name} " in done.stdout and words in done.stdout for name, words in COMMANDS.items())


def test_an_unknown_command_is_refused() -> None:
    """In one line that names those that exist."""
    done = compare("train")
    assert done.returncode == 2
    assert done.stderr == f"error: 'train' is not a command. Use one of: {', '.join(COMMANDS)}.\n"


def test_the_console_script_leads_here() -> None:
    """The name that pip puts on the PATH."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"lenet-compare": "compare.__main__:main"}
