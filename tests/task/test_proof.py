"""Options of `--task`, the summary line, and what the terminal shows: no worker is started."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from compare.errors import UserError
from compare.ladder.config import ParityConfig
from compare.records.task import TaskParity, TaskRung
from compare.rendering.task_terminal import report
from compare.task.proof import one_device, prepare, summary

NETWORKS = Path(__file__).parents[2] / "docs/examples/networks"
CONFIG = ParityConfig(
    task=NETWORKS / "cnn/task.py",
    tensorflow_module=str(NETWORKS / "cnn/my_keras.py"),
    torch_module=str(NETWORKS / "cnn/my_torch.py"),
)
PASSED = TaskParity(
    task="task.py",
    files=["my_keras.py", "my_torch.py"],
    steps=5,
    pairs=[("conv", "conv"), ("head", "head")],
    rungs=[TaskRung("0", "dtypes", "pass"), TaskRung("5", "loss", "pass", "loss", 1e-15, 1e-11, 1)],
    losses={"tf": [1.0, 0.5], "torch": [1.0, 0.5 + 2**-50]},
    passed=True,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch_module": None}, "--task needs --torch-module"),
        ({"tensorflow_module": "nothing.py"}, "--tensorflow-module: nothing.py is not a file"),
        ({"task": Path("nothing.py")}, "--task: nothing.py is not a file"),
    ],
)
def test_an_option_that_lacks_is_named(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    """A missing option is named before a directory is made or a worker is started."""
    config = dataclasses.replace(CONFIG, out=tmp_path / "out", **changes)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=words):
        prepare(config)
    assert not (tmp_path / "out").exists()


def test_a_task_climbs_on_one_device() -> None:
    """A task with two devices is refused, because each device needs its own proof."""
    with pytest.raises(UserError, match="names cpu, cuda"):
        one_device(dataclasses.replace(CONFIG, device=("cpu", "cuda")))


def test_the_summary_of_a_proof_gives_the_closeness_of_the_losses() -> None:
    """The summary gives the number of rungs, layers and steps, and how close the losses are."""
    assert summary(PASSED) == "2 of 2 rungs · 2 layers · float64 losses agree to 9e-16 over 5 steps"


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ({"tf": [2.0, 1e21], "torch": [2.0, 1e21 + 1e7]}, "losses agree to 1e-14 of their size over"),
        ({"tf": [2.0, 1.0], "torch": [2.0, 1.0]}, "losses agree to the last bit over"),
    ],
)
def test_losses_that_are_large_or_equal_are_said_to_be_so(losses: dict[str, Any], said: str) -> None:
    """A training that diverges on both sides alike gives losses of 1e21, which agree to 1e7."""
    assert said in summary(msgspec.structs.replace(PASSED, losses=losses))


def test_a_failure_shows_its_reason_and_every_hint() -> None:
    """The terminal shows the tensor, the figure and the settings."""
    rung = TaskRung("4a", "activations in evaluation", "fail", "norm output", 7e-4, 1e-11, 9)
    rung.first_failing, rung.reason, rung.hints = "norm output", "torch differs", ["epsilon 0.001 in tf"]
    parity = TaskParity(
        task="task.py", files=["a.py", "b.py"], rungs=[rung, TaskRung("5", "loss", "not judged")]
    )
    parity.summary = summary(parity)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report(parity))
    shown = console.export_text()
    assert "fails at rung 4a, activations in evaluation · first in norm output" in shown
    assert "torch differs." in shown
    assert "epsilon 0.001 in tf" in shown
    assert "7.0e-04" in shown
    assert "not judged" in shown
