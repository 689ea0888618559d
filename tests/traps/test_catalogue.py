"""Every trap on the ladder, through real workers: caught where the catalogue says, because of that rung."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.ladder.reference import Reference
from compare.ladder.rungs import RUNGS
from compare.processes.launcher import Worker
from compare.records.traps import Options, Trial, Trials
from compare.traps.catalogue import TRAPS, TRAPS_BY_NAME, Trap
from compare.traps.trial import Setting, put_on_ladder
from tests.ladder.small import worker_and_setting

ROOT = Path(__file__).parents[2]
Ready = tuple[Worker, Setting]


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
}


@pytest.mark.parametrize("trap", [t for t in TRAPS if t.framework == "torch"], ids=lambda trap: trap.name)
def test_each_torch_trap_is_caught_at_its_rung(trap: Trap, torch_ladder: Ready) -> None:
    """And the first tensor that it spoils is named."""
    trial = put_on_ladder(trap, *torch_ladder)
    assert trial.caught_rung == trap.rung, trial.reason
    assert trial.first_failing == FIRST_TENSORS.get(trap.name, trial.first_failing)
    assert trial.first_failing
    assert trap.name in str(trial.reason)


@pytest.mark.parametrize("trap", [t for t in TRAPS if t.framework == "tf"], ids=lambda trap: trap.name)
def test_each_tensorflow_trap_is_caught_at_its_rung(trap: Trap, tf_ladder: Ready) -> None:
    """Keras' defaults differ from the tutorial's too."""
    assert put_on_ladder(trap, *tf_ladder).caught_rung == trap.rung


@pytest.mark.parametrize(("removed", "name"), [(2, "partial-batch-dropped"), (8, "gradient-not-cleared")])
def test_without_its_rung_a_trap_slips_through(removed: int, name: str, torch_ladder: Ready) -> None:
    """No other rung sees a pipeline that parts at an epoch's end, or a gradient that is kept."""
    worker, setting = torch_ladder
    steps_before_the_epochs_end = setting.plan("float64", 2, dropout=False)
    kinds = [kind for kind in RUNGS if kind.number != removed]
    if removed == 2:
        setting = Setting(setting.config, setting.dataset, setting.directory, setting.say)
        setting.references[False] = Reference(steps_before_the_epochs_end, setting.dataset)
    assert put_on_ladder(TRAPS_BY_NAME[name], worker, setting, kinds).caught_rung is None


def test_a_removed_rung_is_missed_by_every_trap_declared_at_it(torch_ladder: Ready) -> None:
    """Without rung 4 or 5 a wrong port climbs higher, and what is named is no longer the culprit."""
    for name, removed in (("average-pooling", 4), ("softmax-twice", 5)):
        kinds = [kind for kind in RUNGS if kind.number != removed]
        trial = put_on_ladder(TRAPS_BY_NAME[name], *torch_ladder, kinds)
        assert trial.caught_rung == removed + 1
        assert trial.caught_rung != TRAPS_BY_NAME[name].rung


def test_there_are_traps_at_every_rung_that_computes() -> None:
    """At least fifteen mistakes, each with a sentence; every rung has one declared at it."""
    assert len(TRAPS) >= 15
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
