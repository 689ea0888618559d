"""The wheel in an environment of its own, outside the repository: every command, from an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from compare.__main__ import COMMANDS
from tests.commands import ROOT, SMALL, site_of, small_data

SHORT = ("--steps", "2", "--batch-size", "2")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the wheel, and with this one's packages but for this project."""
    directory = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(directory), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr[-300:]}")
    [wheel] = directory.glob("*.whl")
    venv.create(directory / "env", with_pip=True, symlinks=True)
    install = [directory / "env" / "bin" / "python", "-m", "pip", "install", "--no-deps", "-q", wheel]
    subprocess.run(list(map(str, install)), check=True)
    packages = site_of(directory / "env")
    (packages / "packages.pth").write_text(f"{site_of(Path(sys.prefix))}\n")  # without its own .pth files
    return directory / "env"


def run(environment: Path, directory: Path, *command: object) -> str:
    """Run a command that must end well, and return what it printed."""
    done = subprocess.run(
        [environment / "bin" / str(command[0]), *map(str, command[1:])],
        cwd=directory, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.proof
def test_every_command_runs_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    """Under both names; nothing is read from the repository, and nothing but results is written."""
    where = run(environment, tmp_path, "python", "-c", "import compare; print(compare.__path__)")
    assert str(ROOT) not in where
    for name in COMMANDS:
        assert "usage:" in run(environment, tmp_path, "python", "-m", f"compare.{name}", "--help")
        assert "usage:" in run(environment, tmp_path, "lenet-compare", name, "--help")
    data = small_data(tmp_path / "data")
    run(environment, tmp_path, "lenet-compare", "run", *SMALL, *SHORT, "--data-dir", data, "--out", "a")
    run(environment, tmp_path, "lenet-compare", "report", "a", "--out", "again")
    parity = ("--data-dir", data, *SHORT, "--out", "parity")
    assert "14 of 14 rungs" in run(environment, tmp_path, "python", "-m", "compare.parity", *parity)
    weights = tmp_path / "a" / "torch-eager-cpu-seed0.safetensors"
    assert "predictions equal" in run(environment, tmp_path, "lenet-compare", "convert", weights, "a.keras")
    new = run(environment, tmp_path, "lenet-compare", "parity", "--new-task", "own")
    assert "own" in new
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"data", "a", "again", "parity", "a.keras", "own"}
