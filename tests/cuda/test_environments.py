"""`make cuda` gives each framework an environment of its own, and every command uses them on CUDA alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compare import config
from compare.config import RunConfig
from compare.ladder.config import ParityConfig

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


@pytest.mark.parametrize(("device", "used"), [(("cuda",), True), (("cpu", "cuda"), True), (("cpu",), False)])
def test_a_run_on_cuda_uses_each_frameworks_own_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch, device: tuple[str, ...], used: bool
) -> None:
    """Without a word from the user, by every command; on the CPU one environment holds both."""
    monkeypatch.setattr(config, "ROOT", project)
    asked = replace(RunConfig(), device=device)
    for framework in ("tf", "torch"):
        own = project / f".venv-{framework}" / "bin" / "python"
        assert asked.python(framework) == (own if used else Path(sys.executable))
    assert ParityConfig(device=device).pythons() == {name: asked.python(name) for name in ("tf", "torch")}
    assert replace(asked, tf_python=Path("named")).python("tf") == Path("named")


def test_an_environment_that_was_not_made_is_not_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that is half made. Then the refusal says to make it."""
    monkeypatch.setattr(config, "ROOT", project)
    (project / ".venv-tf" / ".installed").unlink()
    asked = replace(RunConfig(), device=("cuda",))
    assert asked.python("tf") == Path(sys.executable)
    assert asked.python("torch") == project / ".venv-torch" / "bin" / "python"


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
