"""Each known mistake of data-parallel training is injected in a group of ranks, and caught at its rung."""

from __future__ import annotations

import dataclasses

import pytest

from compare.data import mnist
from compare.traps.catalogue import Trap
from compare.traps.rank_catalogue import RANK_TRAPS
from compare.traps.trial import Setting, launch_for, put_on_ladder
from tests.ladder.small import small_config, write_small_mnist

QUICK = ("own-means-summed", "mean-of-unequal-means")
FIRST = {"batch-size-per-rank": "batch 0 images", "rows-repeated": "loss", "same-dropout-mask": "loss"}


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Ten images a batch: three ranks have unequal shares, two have equal ones."""
    directory = tmp_path_factory.mktemp("ranks")
    config = dataclasses.replace(small_config(write_small_mnist(directory)), batch_size=10)
    return Setting(config, mnist.load(config.data_dir), directory, lambda _: None)


@pytest.mark.parametrize(
    "trap",
    [
        pytest.param(trap, id=trap.name, marks=() if trap.name in QUICK else pytest.mark.proof)
        for trap in RANK_TRAPS
    ],
)
def test_each_mistake_of_ranks_is_caught_at_its_rung(trap: Trap, setting: Setting) -> None:
    """Sums for averages, averages for sums, shares and masks that are not those of one process."""
    with launch_for(trap.framework, setting, trap.ranks) as group:
        trial = put_on_ladder(trap, group, setting)
    assert trial.caught, (trial.caught_rung, trial.reason)
    assert trial.first_failing == FIRST.get(trap.name, "dense2/bias")
    assert trap.name in str(trial.reason)
