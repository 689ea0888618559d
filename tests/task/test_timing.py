"""`compare.run --task` proves your own network, then times only what it proved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.config import RunConfig
from compare.config_rules import check
from compare.data import task_file
from compare.errors import UserError
from compare.ladder.config import ParityConfig
from compare.protocol import messages, task_messages
from compare.task.evidence import Climber
from compare.task.forms import differing_at, losses_of, wrong_forms
from compare.task.proof import climbed, climbing_sides
from tests.commands import ROOT, command, results_of

NETWORKS = ROOT / "docs" / "examples" / "networks"
STEPS = 4
METRIC = """
from itertools import islice

def metric(outputs, targets):
    return (outputs.argmax(axis=1) == targets).mean()

def test_batches():
    return islice(batches(1000), 7)
"""


def files(network: str) -> tuple[Path, Path, Path]:
    """Return the task's file, and both models'."""
    task, tf, torch = (NETWORKS / network / f"{name}.py" for name in ("task", "my_keras", "my_torch"))
    return task, tf, torch


def options(task: Path, tf: Path, torch: Path, out: Path) -> list[object]:
    """Return options of a short run in float64, which climbs once."""
    short = ["--seeds", 1, "--steps", STEPS, "--dtype", "float64", "--out", out]
    return ["--task", task, "--tensorflow-module", tf, "--torch-module", torch, *short]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run of the GRU classifier, one of whose forms is wrong."""
    place = tmp_path_factory.mktemp("task")
    task, tf, torch = (Path(shutil.copy(file, place)) for file in files("gru"))
    task.write_text(task.read_text() + METRIC)
    variants = ("--variants", "tf:eager,tf:graph,torch:eager")
    done = command(*options(task, tf, torch, place / "out"), *variants)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "my_keras.py and my_torch.py on task.py · 1 seed × 4 steps × batch 6" in done.stdout
    assert "14 of 14 rungs · 4 layers" in done.stdout
    return place


def test_both_sides_train_from_one_sides_weights_on_the_same_batches(timed: Path) -> None:
    """In float64 the losses of every form agree to rounding, and each step has its time."""
    results = results_of(timed / "out")
    tf, graph, torch = results["runs"]
    assert {run["status"] for run in results["runs"]} == {"ok"}
    assert len({run["batches_sha256"] for run in results["runs"]}) == 1
    assert tf["losses"] == pytest.approx(torch["losses"], abs=1e-12)
    assert graph["losses"] == pytest.approx(torch["losses"], abs=1e-12)
    assert len(torch["step_seconds"]) == len(torch["step_cpu_seconds"]) == STEPS
    assert tf["parameter_count"] == torch["parameter_count"] > 0


def test_the_report_speaks_of_the_porters_network(timed: Path) -> None:
    """The report mentions neither LeNet nor its accuracy, and shows none of its code."""
    page = (timed / "out" / "report.md").read_text()
    assert page.startswith("# my\\_keras.py and my\\_torch.py on task.py: TensorFlow and PyTorch")
    assert "LeNet" not in page
    assert "accuracy" not in page
    assert "LeNet" not in (timed / "out" / "report.html").read_text().partition("<script")[0]


def test_a_tasks_own_metric_stands_beside_the_step_time(timed: Path) -> None:
    """A share of 42 examples, the same on both sides, in the record and in the reports."""
    metrics = [run["metric"] for run in results_of(timed / "out")["runs"]]
    assert metrics == [metrics[0]] * 3
    assert metrics[0] * 42 == pytest.approx(round(metrics[0] * 42))
    page = (timed / "out" / "report.md").read_text()
    assert "metric" in page
    assert f"{metrics[0]:.4g}" in page


def test_a_changed_file_is_not_resumed(timed: Path) -> None:
    """A changed or missing file is refused; with unchanged files the report is only rendered again."""
    task, tf, torch = (timed / f"{name}.py" for name in ("task", "my_keras", "my_torch"))
    own = ["--task", task, "--tensorflow-module", tf, "--torch-module", torch]
    done = command("--resume", timed / "out")
    assert (done.returncode, "is of task.py. Name its files again" in done.stderr) == (2, True), done.stderr
    tf.write_text(tf.read_text() + "\n# changed\n")
    done = command("--resume", timed / "out", *own)
    assert (done.returncode, "the data set (SHA-256) was" in done.stderr) == (2, True), done.stderr


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Climber]:
    """Yield a climber whose workers hold the proved GRU classifier until the module's end."""
    place = tmp_path_factory.mktemp("proved")
    task, *models = files("gru")
    config = ParityConfig(task=task, threads=1)
    with climbing_sides(config, place) as climbing:
        own = (task_file.read(task), task)
        record, climber = climbed(config, own, (models[0], models[1]), climbing, directory=place, say=print)
        assert record.passed
        yield climber


@pytest.mark.proof
def test_a_form_that_trains_otherwise_is_named(proved: Climber) -> None:
    """A form that trains differently, or does not exist, is named and not timed."""
    forms = [("tf", "eager"), ("tf", "graph"), ("torch", "eager")]
    assert wrong_forms(proved, forms) == {}
    assert "KeyError" in wrong_forms(proved, [("tf", "none")])["tf", "none"]
    losses = losses_of(proved, proved.sides[1], "eager", training=True)
    assert differing_at(losses, losses) is None
    assert differing_at(losses[1:], losses[:-1]) == 0
    assert differing_at(losses[:-1], losses) == len(losses) - 2
    assert differing_at([*losses[:-1], float("nan")], losses) == len(losses) - 1


@pytest.mark.proof
def test_own_weights_are_the_models_and_follow_the_seed(proved: Climber) -> None:
    """The same seed gives the same weights, and another seed gives other weights."""
    side = proved.sides[0]
    first, again, other = (side.ask(task_messages.TaskOwnWeights(seed)) for seed in (0, 0, 1))
    assert first.keys() == proved.weights.keys()
    kernels = [name for name in first if name.name.endswith("kernel")]
    assert all((first[name] == again[name]).all() for name in first)
    assert all((first[name] != other[name]).any() for name in kernels)
    assert messages.Train(1).steps == 1


def test_what_fails_the_proof_is_not_timed(tmp_path: Path) -> None:
    """The run exits with 1, each row names the rung, and the output shows the ladder."""
    task, tf, torch = (Path(shutil.copy(file, tmp_path)) for file in files("gru"))
    tf.write_text(tf.read_text().replace("SGD(0.1)", "SGD(0.2)"))
    done = command(*options(task, tf, torch, tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    rows = results_of(tmp_path / "out")["runs"]
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert all("not proved: fails at rung 7, one step" in row["reason"] for row in rows)
    assert all(row["losses"] == [] for row in rows)
    assert "rate 0.2" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"task": None}, "--tensorflow-module needs --task"),
        ({"batch_size": 8}, "--batch-size works with LeNet only, and --task names another"),
        ({"variants": ("tf:keras",)}, "--variants: tf:keras needs LeNet. With --task use tf:eager"),
        ({"threads": (1, 1)}, "--task takes one device, one thread count"),
    ],
)
def test_options_that_do_not_fit_are_refused(wrong: dict[str, object], said: str) -> None:
    """The message names the option, and says what to do."""
    task, tf, torch = files("gru")
    given = {"task": task, "tensorflow_module": tf, "torch_module": torch} | wrong
    with pytest.raises(UserError) as refused:
        check(RunConfig(**given))  # type: ignore[arg-type]
    assert said in str(refused.value)
