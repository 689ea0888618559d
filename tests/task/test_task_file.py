"""An unsuitable task file is refused in a sentence that says what to write."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from compare.data.task_file import load, read
from compare.errors import UserError
from compare.task.proof import task_files

GOOD = """
import numpy as np
inputs = {"images": "NC", "tokens": "NT"}
def batches(seed):
    while True:
        yield (np.ones((2, 3)), np.ones((2, 4))), np.ones(2)
"""


def written(directory: Path, text: str) -> Path:
    """Write a task file."""
    path = directory / "task.py"
    path.write_text(text)
    return path


def test_a_task_is_read_with_its_defaults(tmp_path: Path) -> None:
    """Inputs are read by name, in the order of the task, and options get their defaults."""
    task = read(written(tmp_path, GOOD))
    assert (task.reference, task.steps, task.pairs) == ("tf", 20, {})
    inputs, targets = task.first(1, 0)[0]
    assert list(inputs) == ["images", "tokens"]
    assert inputs["tokens"].shape == (2, 4)
    np.testing.assert_array_equal(targets, np.ones(2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("inputs = ", "other = "), "has no `inputs`"),
        (("def batches", "def other"), "has no `batches`"),
        (("inputs", "reference = 'jax'\ninputs"), "reference is 'jax'"),
        (("inputs", "steps = 0\ninputs"), "steps is 0"),
        (("inputs", "pairs = ['a']\ninputs"), "`pairs` must be a dict"),
        (
            ("inputs", "import argparse\nargparse.ArgumentParser().parse_args(['--x'])\ninputs"),
            "parses options",
        ),
        (("inputs", "1 / 0\ninputs"), "ZeroDivisionError"),
        (("inputs", "metric = len\ninputs"), "`metric` and `test_batches` go together"),
    ],
)
def test_a_file_that_will_not_do_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """The sentence of each rule names the file."""
    with pytest.raises(UserError, match=r"task\.py") as refusal:
        read(written(tmp_path, GOOD.replace(*change, 1)))
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("(np.ones((2, 3)), np.ones((2, 4))), np.ones(2)", "np.ones(2)"), "must be (inputs, targets)"),
        (("(np.ones((2, 3)), np.ones((2, 4)))", "np.ones((2, 3))"), "images, tokens"),
        (("np.ones((2, 4))", "[1, 2]"), "tokens is list"),
        (("while True", "for _ in range(1)"), "it must never end"),
        (("(np.ones((2, 3)), np.ones((2, 4)))", "[1, 2, 3]"), "It has list of 3."),
        (("np.ones(2)", "[1, 2]"), "the targets hold int."),
        (("np.ones(2)", "{'label': 1.0}"), "the targets hold float."),
        (("np.ones((2, 3))", "np.full((2, 3), np.nan)"), "images of batch 0 is nan at [0, 0]"),
        (("np.ones((2, 3))", "np.ones((0, 3))"), "images of batch 0 is empty: [0, 3]"),
        (("np.ones((2, 3))", "np.array([['a']])"), "make it an array of numbers"),
        (('"NC"', '"NWC"'), "images of batch 0 has the shape [2, 3], and `inputs` says NWC: 3 axes"),
        (("np.ones((2, 3))", "open('nothing.npy')"), "batches(0) fails (line 6): FileNotFoundError"),
    ],
)
def test_batches_of_another_form_are_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """Batches of another form are refused before a worker is started."""
    task = read(written(tmp_path, GOOD.replace(*change, 1)))
    with pytest.raises(UserError) as refusal:
        task.first(2, 0)
    assert words in str(refusal.value)


def test_what_a_file_prints_on_import_reaches_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that prints on import is accepted, and its output does not reach the report."""
    read(written(tmp_path, f"print('hello'){GOOD}"))
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_there_is_named_with_its_option(tmp_path: Path) -> None:
    """The message names the option of a file that does not exist."""
    with pytest.raises(UserError, match=r"--torch-module: .* is not a file"):
        load(tmp_path / "nothing.py", "--torch-module")


def test_a_task_that_imports_a_framework_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both processes read it, and no process may hold both frameworks."""
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with pytest.raises(UserError, match=r"task\.py imports torch; it must name no framework"):
        task_files(written(tmp_path, GOOD), None, None, 0)


def test_a_metric_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """With the line in the task, if the error comes from there."""
    own = "def metric(outputs, targets):\n    return outputs[5]\ndef test_batches():\n    return batches(0)\n"
    task = read(written(tmp_path, GOOD + own))
    assert len(next(task.tests())[0]) == 2
    with pytest.raises(UserError, match=r"metric\(\) fails \(line 8\): IndexError"):
        task.measured(np.ones(2), np.ones(2))
