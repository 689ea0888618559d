"""Every trap on the ladder, through real workers: caught where the catalogue says, because of that rung."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.ladder.reference import Reference
from compare.ladder.rungs import RUNGS, RungKind
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.records.traps import Options, Trial, Trials
from compare.traps.catalogue import TRAPS, TRAPS_BY_NAME, Trap
from compare.traps.trial import Setting, put_on_ladder
from tests.ladder.small import worker_and_setting

ROOT = Path(__file__).parents[2]
Ready = tuple[Worker | Group, Setting]


@pytest.fixture(scope="module")
def torch_ladder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    """Yield a torch worker and what it climbs."""
    with worker_and_setting("torch", tmp_path_factory.mktemp("torch")) as ready:
        yield ready


@pytest.fixture(scope="module")
def tf_ladder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    """Yield a TensorFlow worker and what it climbs."""
    with worker_and_setting("tf", tmp_path_factory.mktemp("tf")) as ready:
        yield ready


FIRST_TENSORS = {
    "same-padding": "dense1/kernel",
    "pixels-unscaled": "batch 0 images",
    "batch-out-of-order": "batch 2 images",
    "partial-batch-dropped": "batch 3 images",
    "torch-default-kernels": "conv1/kernel",
    "torch-default-biases": "conv1/bias",
    "kernel-height-width-swapped": "conv1",
    "plain-dense-transpose": "dense1",
    "average-pooling": "pool1",
    "dropout-left-on": "dropout",
    "rate-as-keep-probability": "dropout",
    "softmax-twice": "loss",
    "detached-convolutions": "conv2/bias",
    "gradient-not-cleared": "losses",
    "bias-detached": "conv1/bias",
    "kernel-frozen": "conv2/kernel",
    "detached-in-float32": "conv2/bias",
    "evaluation-missing": None,  # it is the reason that says what is missing
    "relu6": "conv1",
    "logits-clamped": "logits",
    "first-rows-only": "loss at batch size 256",
}


def one_for_each_rung(framework: str) -> list[Trap]:
    """Return the first trap at each rung; a committed result holds a trial of every one."""
    return list({trap.rung: trap for trap in reversed(TRAPS) if trap.framework == framework}.values())


@pytest.mark.parametrize("trap", one_for_each_rung("torch"), ids=lambda trap: trap.name)
@pytest.mark.proof
def test_each_torch_trap_is_caught_at_its_rung(trap: Trap, torch_ladder: Ready) -> None:
    """And the first tensor that it spoils is named."""
    trial = put_on_ladder(trap, *torch_ladder)
    assert trial.caught, (trial.caught_rung, trial.reason)
    assert trial.first_failing == FIRST_TENSORS.get(trap.name, trial.first_failing or "none is named")
    assert trap.name in str(trial.reason)


@pytest.mark.parametrize("trap", one_for_each_rung("tf"), ids=lambda trap: trap.name)
@pytest.mark.proof
def test_each_tensorflow_trap_is_caught_at_its_rung(trap: Trap, tf_ladder: Ready) -> None:
    """Keras' defaults differ from the tutorial's too."""
    trial = put_on_ladder(trap, *tf_ladder)
    assert trial.caught, (trial.caught_rung, trial.reason)


def without(*numbers: int) -> list[RungKind]:
    """Return the rungs but for these."""
    return [kind for kind in RUNGS if kind.number not in numbers]


@pytest.mark.parametrize(
    ("removed", "name"),
    [
        ([9], "evaluation-of-first-weights"),
        ([10, 12, 13, 14], "step-returns-reordered"),
        ([11], "phases-without-optimizer"),
        ([12], "relu6"),
        ([13], "first-rows-only"),
        ([14], "frozen-later"),
    ],
)
def test_without_its_rung_a_trap_slips_through(removed: list[int], name: str, torch_ladder: Ready) -> None:
    """No other rung sees an evaluation, a chart, a threshold, a size, the end; four see what is returned."""
    assert put_on_ladder(TRAPS_BY_NAME[name], *torch_ladder, without(*removed)).caught_rung is None


def test_without_the_digests_a_pipeline_slips_through(torch_ladder: Ready) -> None:
    """No other rung of a short climb sees that it parts at the end of an epoch."""
    worker, setting = torch_ladder
    before_the_epochs_end = dataclasses.replace(setting.plan("float64", 2, dropout=False), late=False)
    setting = dataclasses.replace(
        setting, references={False: Reference(before_the_epochs_end, setting.dataset)}
    )
    trial = put_on_ladder(TRAPS_BY_NAME["partial-batch-dropped"], worker, setting, without(2, 14))
    assert trial.caught_rung is None


@pytest.mark.parametrize("name", ["relu-lost-in-float32", "detached-in-float32"])
def test_without_the_dtype_that_is_timed_a_trap_slips_through(name: str, torch_ladder: Ready) -> None:
    """In float64 the branch does not exist."""
    in_float64_only = dataclasses.replace(TRAPS_BY_NAME[name], dtype="float64")
    assert put_on_ladder(in_float64_only, *torch_ladder).caught_rung is None


@pytest.mark.parametrize(
    ("name", "removed", "caught"),
    [
        ("average-pooling", 4, 5),
        ("softmax-twice", 5, 6),
        ("gradient-not-cleared", 8, 12),
        ("step-returns-reordered", 10, 12),
    ],
)
def test_a_removed_rung_is_missed_by_every_trap_declared_at_it(
    name: str, removed: int, caught: int, torch_ladder: Ready
) -> None:
    """Without it a wrong port climbs higher, and what is named is no longer the culprit."""
    assert put_on_ladder(TRAPS_BY_NAME[name], *torch_ladder, without(removed)).caught_rung == caught


def test_there_are_traps_at_every_rung_that_computes() -> None:
    """At least thirty-one mistakes, each with a sentence; every rung has one declared at it."""
    assert len(TRAPS) >= 31
    assert len(TRAPS_BY_NAME) == len(TRAPS)
    assert {trap.rung for trap in TRAPS} == {kind.number for kind in RUNGS}
    assert all(trap.mistake for trap in TRAPS)


def trial(*, declared: int, caught: int | None) -> Trial:
    """Return a trap's trial, caught at a rung or not."""
    return Trial(
        name="a",
        mistake="m",
        framework="torch",
        dropout=False,
        declared_rung=declared,
        caught_rung=caught,
        first_failing=None,
        reason=None,
        rungs=[],
    )


def test_a_trap_that_slips_fails_the_whole() -> None:
    """The exit status follows."""
    good = trial(declared=4, caught=4)
    slipped = trial(declared=8, caught=None)
    elsewhere = trial(declared=5, caught=6)
    options = Options(seed=0, batch_size=128, threads=1)
    assert Trials(config=options, trials=[good]).passed
    assert not Trials(config=options, trials=[good, slipped]).passed
    assert not Trials(config=options, trials=[good, elsewhere]).passed
