"""Rung 1 on recorded manifests, without a framework."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compare.data.task_file import Task
from compare.protocol.task_messages import Leaf, Manifest
from compare.task.evidence import Climber
from compare.task.matching import names
from tests.task.manifests import dense, manifest, recorded


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Yield a thread: rung 1 asks no worker."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def climber(pair: tuple[Manifest, Manifest], pool: Executor, **task: Any) -> Climber:
    """Return a climber whose sides have sent these manifests."""
    options: dict[str, Any] = {"pairs": {}, "differs": {}, "reference": "tf", "steps": 1} | task
    made = Task(name="task.py", inputs={}, make=lambda _: iter(()), **options)
    sides: Any = tuple(
        SimpleNamespace(framework=name, manifest=one, own_paths={})
        for name, one in zip(("tf", "torch"), pair, strict=True)
    )
    return Climber(made, sides, pool, "float64", 0)


def test_resnets_biases_have_no_partner_and_the_rung_says_how_to_accept_them(pool: Executor) -> None:
    """Keras's 53 convolutions with a bias fail rung 1, and the message shows how to accept the biases."""
    rung = names(climber(recorded("resnet"), pool))
    assert rung.verdict == "fail"
    assert rung.first_failing == "conv1_conv/bias"
    assert "only tf has it" in (rung.reason or "")
    assert any("differs = " in hint for hint in rung.hints)


def test_accepted_biases_let_the_rung_pass(pool: Executor) -> None:
    """One pattern in `differs` accepts all biases."""
    rung = names(climber(recorded("resnet"), pool, differs={"*_conv/bias": "a norm follows"}))
    assert (rung.verdict, rung.tensor) == ("pass", "107 layers")


def test_a_layer_without_a_partner_stops_with_lines_to_paste(pool: Executor) -> None:
    """The lines to paste have the form of `pairs`."""
    pair = manifest(dense("a"), dense("b", 7, 3)), manifest(dense("x"), dense("y", 3, 7))
    rung = names(climber(pair, pool))
    assert rung.first_failing == "b"
    assert '    "b": "y",  # dense [7, 3]' in rung.hints


def test_dropouts_must_agree_in_rate_and_shape(pool: Executor) -> None:
    """Rung 1 fails if two dropout layers differ in rate or shape, because they share masks."""
    left, right = manifest(dense("a")), manifest(dense("x"))
    left.dropouts, right.dropouts = [(0.25, [2, 4])], [(0.75, [2, 4])]
    rung = names(climber((left, right), pool))
    assert rung.first_failing == "dropout 1"
    assert "rate 0.25 over [2, 4] in tf, rate 0.75" in (rung.reason or "")


def test_the_recorded_manifests_are_those_of_the_examples() -> None:
    """Every example network has a recorded manifest, and every manifest has a network."""
    folder = Path(__file__).parents[2] / "docs/examples/networks"
    for network in ("mobilenet", "resnet"):
        assert (folder / network / "task.py").is_file()


def test_tensors_of_one_shape_and_two_names_are_to_be_renamed_not_accepted(pool: Executor) -> None:
    """To accept the difference would leave them out of the proof."""
    left = manifest(Leaf("a", "Scale", tensors={"w": [4, 3], "b": [3]}))
    right = manifest(Leaf("x", "Scale", tensors={"weight": [4, 3], "b": [3]}))
    rung = names(climber((left, right), pool))
    assert rung.reason == "a/w: only tf has it; x has a weight of its shape: give both one name"
    assert not any("to accept" in hint for hint in rung.hints)
