"""`make cuda` gives each framework an environment of its own, and `make compare` uses them on CUDA alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from compare.run import parse_config

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the Makefile with every environment made."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for environment in (".venv", ".venv-tf", ".venv-torch"):
        (tmp_path / environment).mkdir()
        (tmp_path / environment / ".installed").touch()
    return tmp_path


def dry_run(project: Path, *arguments: str) -> str:
    """Return the commands that make would run in a project."""
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def test_a_run_on_cuda_uses_each_frameworks_own_environment(project: Path) -> None:
    """Without a word from the user, whose options come after and win."""
    told = dry_run(project, "compare", "ARGS=--device cuda --steps 5")
    assert "--tf-python .venv-tf/bin/python" in told
    assert "--torch-python .venv-torch/bin/python" in told
    assert told.rstrip().endswith("--device cuda --steps 5")
    config = parse_config(["--tf-python", "made", "--tf-python", "named"])
    assert config.tf_python == Path("named")


@pytest.mark.parametrize("option", ["--resume old", "--resume=old"])
@pytest.mark.parametrize(("device", "used"), [("cpu,cuda", True), ("cpu", False)])
def test_a_resumed_run_uses_what_it_began_with(project: Path, option: str, device: str, used: bool) -> None:
    """Its device stands in its results, not on the command line."""
    (project / "old").mkdir()
    (project / "old" / "results.json").write_text(f'{{"config": {{"device": "{device}", "steps": 5}}}}')
    assert ("--tf-python .venv-tf/bin/python" in dry_run(project, "compare", f"ARGS={option}")) == used


def test_a_run_on_the_cpu_does_not(project: Path) -> None:
    """Its environment holds both frameworks."""
    assert "-python" not in dry_run(project, "compare", "ARGS=--steps 5").partition("compare.run")[2]


def test_environments_that_were_not_made_are_not_named(project: Path) -> None:
    """Then the refusal says to make them."""
    (project / ".venv-tf" / ".installed").unlink()
    told = dry_run(project, "compare", "ARGS=--device cpu,cuda")
    assert "--tf-python" not in told
    assert "--torch-python" in told


def test_each_environment_holds_one_framework_and_what_a_worker_needs(project: Path) -> None:
    """From one list of versions, and nothing of the harness."""
    for environment in (".venv-tf", ".venv-torch"):
        (project / environment / ".installed").unlink()
    installs = [line for line in dry_run(project, "cuda").splitlines() if "tools.install" in line]
    assert len(installs) == 2
    for line in installs:
        assert "--constraint constraints.txt" in line
        assert line.endswith("numpy msgspec safetensors")
    tensorflow, torch = installs
    assert '"tensorflow[and-cuda]"' in tensorflow
    assert "torch" not in tensorflow
    assert " torch torchvision " in torch
    assert "tensorflow" not in torch
