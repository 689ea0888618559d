"""`--tensorboard`: the curves as event files, as TensorBoard itself reads them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from compare.config import RunConfig
from compare.errors import UserError
from compare.experiment.experiment import Experiment
from compare.records.results import Launch
from compare.rendering.event_files import write_events
from tests.commands import ROOT
from tests.rendering import synthetic

STEPS = 50

# TensorBoard's reader, told to do without TensorFlow, in a process of its own.
READ = """
import dataclasses, json, sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
scalars = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
print(json.dumps({tag: [dataclasses.astuple(event) for event in found] for tag, found in scalars.items()}))
"""


def run(label: str, seed: int, *, steps: int = STEPS, test_accuracy: float | None = 0.9685) -> Launch:
    """Return a launch with random losses, accuracies and times."""
    rng = np.random.default_rng(seed)
    losses, accuracies, seconds = rng.random((3, steps)).tolist()
    framework: Any = label.partition(":")[0]
    return Launch(
        framework, "eager", "cpu", "float32", seed, label,
        losses=losses, train_accuracies=accuracies, step_seconds=seconds, test_accuracy=test_accuracy,
    )  # fmt: skip


def read_back(directory: Path) -> dict[str, list[list[float]]]:
    """By tag: [wall time, step, value] of each event, as TensorBoard reads them."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(directory)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[list[float]]] = json.loads(done.stdout)
    return found


def test_tensorboard_reads_what_the_results_hold(tmp_path: Path) -> None:
    """Every step of every curve, in float32, at its step and its training time."""
    run_ = run("torch:eager", 1)
    write_events(synthetic.rows(run_), tmp_path)
    found = read_back(tmp_path / "tensorboard" / "torch-eager-cpu-seed1")
    curves = {"loss": run_.losses, "train_accuracy": run_.train_accuracies, "step_seconds": run_.step_seconds}
    assert set(found) == {*curves, "test_accuracy"}
    for tag, values in curves.items():
        times, steps, read = zip(*found[tag], strict=True)
        assert list(steps) == list(range(STEPS))
        np.testing.assert_array_equal(np.array(read, np.float32), np.array(values, np.float32))
        np.testing.assert_allclose(times, np.cumsum(run_.step_seconds), rtol=1e-12)
    ((seconds, step, accuracy),) = found["test_accuracy"]
    assert seconds == pytest.approx(sum(run_.step_seconds))
    assert (step, accuracy) == (STEPS, float(np.float32(0.9685)))


def test_each_launch_has_a_directory(tmp_path: Path) -> None:
    """Frameworks, seeds and second places apart; a launch without a step has none; no host in a name."""
    runs = [run("tf:eager", 0), run("tf:eager#2", 0), run("torch:eager", 1, test_accuracy=None)]
    never_started = run("torch:eager", 2, steps=0)
    written = write_events(synthetic.rows(*runs, never_started), tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        f"tensorboard/{name}/events.out.tfevents.0.lenet-compare"
        for name in ("tf-eager-cpu-seed0", "tf-eager-2-cpu-seed0", "torch-eager-cpu-seed1")
    ]
    assert "test_accuracy" not in read_back(written[2].parent)


def test_a_second_writing_replaces_the_first(tmp_path: Path) -> None:
    """The same bytes, one file: TensorBoard would draw two files of one launch over each other."""
    results = synthetic.rows(run("tf:eager", 0))
    (first,) = write_events(results, tmp_path)
    content = first.read_bytes()
    (second,) = write_events(results, tmp_path)
    assert second.read_bytes() == content
    assert len(list(first.parent.iterdir())) == 1


def test_writing_imports_neither_framework(tmp_path: Path) -> None:
    """The parent stays free of both, also where TensorFlow is installed beside tensorboard."""
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from compare.rendering.event_files import check_available, write_events\n"
        "from tests.rendering.test_event_files import run\nfrom tests.rendering import synthetic\n"
        f"check_available()\nwrite_events(synthetic.rows(run('tf:eager', 0)), Path({str(tmp_path)!r}))\n"
        "print({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'torch'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_missing_package_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines with the command that installs it; no directory is made."""
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    config = RunConfig(tensorboard=True, out=tmp_path / "out")
    with pytest.raises(UserError, match="--tensorboard needs the tensorboard package") as refused:
        Experiment.prepare(config, Console())
    assert "pip install tensorboard" in str(refused.value)
    assert not (tmp_path / "out").exists()
