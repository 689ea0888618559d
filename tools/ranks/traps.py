"""Puts known mistakes of data-parallel training on the ladder in a real group, then trains them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from compare.data import mnist
from compare.ladder.config import ParityConfig
from compare.traps.rank_catalogue import RANK_TRAPS
from compare.traps.trial import Setting, launch_for, right_run, try_trap
from tools.ranks.record import TriedTrap

LADDER_STEPS, TRAINING_STEPS = 5, 300


def traps() -> Iterator[TriedTrap]:
    """Try every mistake. Its accuracy is compared with that of the correct training of one process."""
    config = ParityConfig(steps=LADDER_STEPS, trap_steps=TRAINING_STEPS)
    with tempfile.TemporaryDirectory() as directory:
        setting = Setting(config, mnist.load(), Path(directory), lambda _: None)
        for framework in dict.fromkeys(trap.framework for trap in RANK_TRAPS):
            with launch_for(framework, setting) as worker:
                for dropout in {trap.dropout for trap in RANK_TRAPS if trap.framework == framework}:
                    right_run(framework, dropout, worker, setting)
        for framework, ranks in dict.fromkeys((trap.framework, trap.ranks) for trap in RANK_TRAPS):
            with launch_for(framework, setting, ranks) as group:
                for trap in RANK_TRAPS:
                    if (trap.framework, trap.ranks) == (framework, ranks):
                        trial = try_trap(trap, group, setting)
                        print(f"{trap.name}: rung {trial.caught_rung} · {trial.reason}", flush=True)
                        yield TriedTrap(
                            trap.name,
                            trap.mistake,
                            framework,
                            ranks,
                            trap.dropout,
                            trap.rung,
                            trial.caught_rung,
                            trial.first_failing,
                            trial.reason,
                            TRAINING_STEPS,
                            trial.test_accuracy,
                            setting.rights[framework, trap.dropout].lowest_unsuspected,
                            trial.accuracy_misses_it,
                        )
