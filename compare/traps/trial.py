"""Puts traps on the ladder, in turn on one worker per framework, and compares them with the correct code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from compare.data.mnist import Dataset
from compare.errors import UserError
from compare.ladder.climb import ascend, beside
from compare.ladder.climber import Climber, NotOnTheLadder
from compare.ladder.config import ParityConfig, spec_with
from compare.ladder.plan import Plan, Port
from compare.ladder.reference import Reference
from compare.ladder.rungs import RUNGS, RungKind
from compare.ladder.together import launch
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.records import machine
from compare.records.files import write_json
from compare.records.privacy import without_paths
from compare.records.traps import FILE_NAME, Options, RightRun, Trial, Trials
from compare.traps import training
from compare.traps.catalogue import TRAPS, TRAPS_BY_NAME, Trap
from compare.variants import VARIANTS_BY_NAME

LARGE_BATCH = 256  # larger than any batch size that may be a constant in a port


@dataclasses.dataclass
class Setting:
    """The settings and resources that all trials share."""

    config: ParityConfig
    dataset: Dataset
    directory: Path
    say: Callable[[str], None]
    references: dict[bool, Reference] = dataclasses.field(default_factory=dict)
    rights: dict[tuple[str, bool], RightRun] = dataclasses.field(default_factory=dict)

    def plan(self, dtype: str, steps: int, dropout: bool) -> Plan:
        return Plan(
            spec=spec_with(self.config.batch_size, dropout),
            dtype=dtype,
            seed=self.config.seed,
            steps=steps,
            oracle_steps=min(self.config.oracle_steps, steps),
            threads=self.config.threads,
            timeout=self.config.timeout,
            train_count=len(self.dataset.train_labels),
            sizes=(1, LARGE_BATCH),
            late=True,
            data_dir=self.config.data_dir,
        )

    def reference(self, dropout: bool) -> Reference:
        """Return the oracle's reference, which is made once for each state of dropout, for all traps."""
        if dropout not in self.references:
            plan = self.plan("float64", self.config.steps, dropout)
            self.references[dropout] = Reference(plan, self.dataset)
        return self.references[dropout]


def try_traps(config: ParityConfig, dataset: Dataset, directory: Path, say: Callable[[str], None]) -> Trials:
    """Put one trap or all on the ladder in float64, then train them in float32. Write traps.json.

    Raises UserError if a framework cannot be set up.
    """
    setting = Setting(config, dataset, directory, say)
    chosen = [TRAPS_BY_NAME[config.trap]] if config.trap else list(TRAPS)
    found: dict[str, Trial] = {}
    try:
        for framework in dict.fromkeys(trap.framework for trap in chosen):
            own = [trap for trap in chosen if trap.framework == framework]
            with launch_for(framework, setting) as worker:
                for number, trap in enumerate(own, 1):
                    say(f"{trap.name}, {framework} trap {number} of {len(own)}")
                    found[trap.name] = try_trap(trap, worker, setting)
    except (NotOnTheLadder, WorkerRefused, WorkerFailed) as failure:
        raise UserError(f"the traps cannot be tried: {failure}") from failure
    trials = Trials(
        config=Options(config.seed, config.batch_size, config.threads),
        environment=machine.describe(),
        ladder_steps=config.steps,
        training_steps=config.trap_steps,
        right_runs=list(setting.rights.values()),
        trials=[found[trap.name] for trap in chosen],
    )
    for path in directory.glob("*.safetensors"):
        path.unlink()
    write_json(directory / FILE_NAME, without_paths(msgspec.to_builtins(trials)))
    return trials


def launch_for(framework: str, setting: Setting, ranks: int = 0) -> Worker | Group:
    """Start the worker, or so many ranks, on which the traps of a framework climb in turn."""
    plan = setting.plan("float64", setting.config.steps, dropout=False)
    python = setting.config.pythons()[framework]
    port = dataclasses.replace(right_port(framework), ranks=ranks)
    return launch(port, plan, python, setting.directory, name=f"{framework} traps")


def right_port(framework: str) -> Port:
    variant = VARIANTS_BY_NAME[f"{framework}:eager"]
    return Port(variant.name, framework, variant.module, variant.trainer, "cpu")


def trap_port(trap: Trap) -> Port:
    return Port(trap.name, trap.framework, trap.module, trap.trainer, "cpu", ranks=trap.ranks)


def try_trap(trap: Trap, worker: Worker | Group, setting: Setting) -> Trial:
    trial = put_on_ladder(trap, worker, setting)
    if not setting.config.trap_steps:
        return trial
    port, dropout = trap_port(trap), trap.dropout
    plan = setting.plan("float32", setting.config.trap_steps, dropout)
    right = right_run(trap.framework, dropout, worker, setting)
    trained = training.train(port, plan, worker, setting.directory, setting.dataset)
    trial.losses = trained.losses
    trial.test_accuracy = trained.test_accuracy
    if trained.test_accuracy is not None:
        trial.accuracy_misses_it = trained.test_accuracy >= right.lowest_unsuspected
    return trial


def right_run(framework: str, dropout: bool, worker: Worker | Group, setting: Setting) -> RightRun:
    """Return the correct implementation's training, made once for each framework and state of dropout."""
    key = (framework, dropout)
    if key not in setting.rights:
        setting.say(f"the right {framework} implementation, {training.SEEDS} seeds")
        plan = setting.plan("float32", setting.config.trap_steps, dropout)
        setting.rights[key] = training.train_right(
            right_port(framework), plan, worker, setting.directory, setting.dataset
        )
    return setting.rights[key]


def put_on_ladder(
    trap: Trap, worker: Worker | Group, setting: Setting, kinds: Sequence[RungKind] = RUNGS
) -> Trial:
    """Compare a trap with the oracle alone, in float64 and, if that passes, in the trap's own dtype."""
    reference = setting.reference(trap.dropout)
    for dtype in dict.fromkeys(("float64", trap.dtype)):
        plan = dataclasses.replace(reference.plan, dtype=dtype)
        climber = Climber(trap_port(trap), plan, worker, reference.inputs, setting.directory)
        climbed = beside([ascend(climber, reference, kinds)], reference)
        if climbed.failing:
            break
    failing = climbed.failing
    return Trial(
        name=trap.name,
        mistake=trap.mistake,
        framework=trap.framework,
        dropout=trap.dropout,
        declared_rung=trap.rung,
        declared_dtype=trap.dtype,
        caught_dtype=climbed.dtype,
        caught_rung=failing.number if failing else None,
        first_failing=failing.first_failing if failing else None,
        reason=failing.reason if failing else None,
        rungs=climbed.rungs,
    )
