"""The failing layer alone is a program that runs."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compare.protocol.task_messages import Leaf
from compare.task.reproducer import ARRAYS, EXPRESSIONS, PROGRAM, program

SETTINGS = {"stride": [2, 2], "padding": [0, 1, 1, 0], "epsilon": 1e-3}


def leaf(kind: str) -> Leaf:
    """Return a layer of the kind, with every tensor that its expression names."""
    names = ("gamma", "beta", "moving_mean", "moving_variance") if "norm" in kind else ("kernel", "bias")
    return Leaf("conv/1", kind, settings=SETTINGS, tensors={name: [3] for name in names})


@pytest.mark.parametrize("kind", EXPRESSIONS)
def test_each_kind_gives_a_program_that_python_can_read(kind: str) -> None:
    """Every setting of the program is filled in."""
    text = program(leaf(kind), "tf")
    assert text is not None
    ast.parse(text)
    assert "{" not in text.replace("{name", "").replace("{side}", "").replace('f"{', "")


def test_a_kind_without_an_expression_has_no_program() -> None:
    """A layer of another kind gets no program, but its arrays are written."""
    assert program(Leaf("x", "lstm", tensors={"kernel": [1, 1]}), "tf") is None


def test_the_numpy_lines_compute_a_strided_padded_convolution(tmp_path: Path) -> None:
    """The NumPy lines agree with loops that follow the definition."""
    random = np.random.default_rng(0)
    x, kernel, bias = (random.standard_normal(shape) for shape in ((1, 5, 4, 2), (3, 3, 2, 3), (3,)))
    padded = np.pad(x, [(0, 0), (0, 1), (1, 0), (0, 0)])
    expected = np.zeros((1, 2, 2, 3))
    for row in range(2):
        for column in range(2):
            window = padded[0, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected[0, row, column] = np.tensordot(window, kernel, 3) + bias
    np.savez(
        tmp_path / ARRAYS, input=x, kernel=kernel, bias=bias, tf_output=expected, torch_output=expected + 1
    )
    text = program(leaf("conv2d"), "tf")
    assert text is not None
    (tmp_path / PROGRAM).write_text(text)
    done = subprocess.run(
        [sys.executable, PROGRAM, "numpy"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    tf, torch = (float(line.split()[-1]) for line in done.stdout.splitlines())
    assert tf < 1e-14
    assert torch == pytest.approx(1)
