"""Runs `compare.parity --task`, from options to a verdict on disk."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from compare.data import task_file
from compare.data.task_file import Task
from compare.errors import UserError
from compare.ladder.config import ParityConfig
from compare.ladder.together import asking
from compare.ladder.verdicts import closeness
from compare.numbers import count
from compare.processes.conditions import Conditions
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.records.files import collapse_number_lists, write_atomically
from compare.records.parity import FILE_NAME
from compare.records.privacy import without_paths
from compare.records.run_directory import RunDirectory, new_directory
from compare.records.task import TaskParity
from compare.task.climb import climb
from compare.task.evidence import Climber, finite
from compare.task.reproducer import write_reproducer
from compare.task.side import TaskSide

FRAMEWORKS = {"keras", "tensorflow", "torch"}
Files = tuple[Path, Path]  # TensorFlow's and torch's model
Sides = tuple[TaskSide, TaskSide]
Climbing = tuple[Sides, Executor]  # running workers, and the threads that send them requests


def prepare(config: ParityConfig) -> tuple[Task, Files, RunDirectory]:
    """Return the task, both models' files and the directory. Raises UserError if these are unusable."""
    assert config.task is not None
    task, files = task_files(config.task, config.tensorflow_module, config.torch_module, config.seed)
    return task, files, new_directory(config.out, prefix="parity-")


def task_files(
    path: Path, tensorflow_module: Path | str | None, torch_module: Path | str | None, seed: int
) -> tuple[Task, Files]:
    """Return the task and both models' files. Raises UserError if one is missing or unusable."""
    task = task_file.read(path)
    task.first(1, seed)
    if known := sorted(FRAMEWORKS & sys.modules.keys()):
        raise UserError(
            f"{path.name} imports {known[0]}; it must name no framework, since both processes read it.\n"
            "Write the arrays to a file with a script of their own (np.savez), and load that here."
        )
    files = []
    for flag, module in (("--tensorflow-module", tensorflow_module), ("--torch-module", torch_module)):
        if module is None:
            raise UserError(f"--task needs {flag}: the Python file with model(), loss() and optimizer().")
        if not Path(module).is_file():
            raise UserError(f"{flag}: {module} is not a file. Name a Python file.")
        files.append(Path(module))
    return task, (files[0], files[1])


def prove(
    config: ParityConfig, task: Task, files: Files, directory: Path, say: Callable[[str], None]
) -> TaskParity:
    """Climb, and write parity.json. Raises UserError if a model cannot climb at all."""
    assert config.task is not None
    one_device(config)
    with climbing_sides(config, directory) as (sides, pool):
        parity = climb_task(config, (task, config.task), files, (sides, pool), directory=directory, say=say)
    record = without_paths(msgspec.to_builtins(parity))
    encoded = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_atomically(directory / FILE_NAME, collapse_number_lists(encoded))
    return parity


@contextmanager
def climbing_sides(config: ParityConfig, directory: Path) -> Iterator[Climbing]:
    """Yield a started worker for each framework. Any number of pairs can use these workers in turn."""
    with ExitStack() as stack:
        sides = []
        for framework, python in config.pythons().items():
            conditions = Conditions(one_device(config), config.threads, share_cpus=True)
            try:
                worker = conditions.launch(
                    framework, directory / f"ladder-{framework}.log", name=framework, python=python
                )
            except WorkerFailed as failure:
                raise UserError(str(failure)) from failure
            sides.append(TaskSide(framework, stack.enter_context(worker), config.timeout))
        pool = stack.enter_context(asking([side.worker for side in sides]))
        yield (sides[0], sides[1]), pool


def climb_task(
    config: ParityConfig,
    task: tuple[Task, Path],
    files: Files,
    climbing: Climbing,
    *,
    directory: Path,
    say: Callable[[str], None] = lambda _: None,
) -> TaskParity:
    """Climb with workers that already run. Raises UserError if a model cannot climb."""
    return climbed(config, task, files, climbing, directory=directory, say=say)[0]


def climbed(
    config: ParityConfig,
    task: tuple[Task, Path],
    files: Files,
    climbing: Climbing,
    *,
    directory: Path,
    say: Callable[[str], None],
) -> tuple[TaskParity, Climber]:
    """Climb as `climb_task`. Return the climber too: its workers still hold both models."""
    start = time.perf_counter()
    sides, pool = climbing
    climber = Climber(task[0], sides, pool, config.dtype, config.seed)
    settings = {"device": one_device(config), "dtype": config.dtype, "seed": config.seed}
    own = {"tf": (files[0], task[1]), "torch": (files[1], task[1])}
    try:
        climber.both(lambda side: side.set_up(own[side.framework], threads=config.threads, **settings))
        rungs = climb(climber, say)
    except (WorkerRefused, WorkerFailed) as failure:
        raise UserError(str(failure)) from failure
    parity = recorded(config, climber, files)
    parity.rungs = rungs
    parity.passed = all(rung.verdict == "pass" for rung in rungs)
    if parity.failing is not None and (written := write_reproducer(climber, directory)) is not None:
        parity.failing.hints.append(f"the layer alone: {directory / written}")
    parity.seconds = time.perf_counter() - start
    parity.summary = summary(parity)
    return parity, climber


def one_device(config: ParityConfig) -> str:
    """Return the device. Raises UserError unless the options name exactly one."""
    if len(config.device) != 1:
        raise UserError(
            f"--task climbs on one device, but --device names {', '.join(config.device)}. Name one."
        )
    return config.device[0]


def recorded(config: ParityConfig, climber: Climber, files: Files) -> TaskParity:
    tf, torch = (side.manifest for side in climber.sides)
    losses = climber.trained.numbers if climber.trained else ({}, {})
    return TaskParity(
        task=climber.task.name,
        files=[one.name for one in files],
        dtype=config.dtype,
        device=one_device(config),
        seed=config.seed,
        reference=climber.task.reference,
        steps=climber.task.steps,
        parameters=sum(
            math.prod(s) for leaf in tf.leaves for n, s in leaf.tensors.items() if n not in leaf.states
        ),
        versions={"tf": tf.versions, "torch": torch.versions},
        exact=tf.exact,
        pairs=[(left.path, right.path) for left, right in climber.alignment.pairs],
        accepted=[f"{pattern}: {why}" for pattern, why in climber.task.differs.items()],
        zero_tensors=sorted(f"{path}/{name}" for path, name in climber.zeros),
        losses={
            side.framework: finite(numbers.get("losses", []))
            for side, numbers in zip(climber.sides, losses, strict=True)
        },
    )


def summary(parity: TaskParity) -> str:
    """Return `14 of 14 rungs · 105 layers · float64 losses agree to 3e-16 over 20 steps`, or the failure."""
    failing = parity.failing
    if failing is not None:
        tensor = f" · first in {failing.first_failing}" if failing.first_failing else ""
        return f"fails at rung {failing.id}, {failing.name}{tensor}"
    pairs = [(a or 0.0, b or 0.0) for a, b in zip(parity.losses["tf"], parity.losses["torch"], strict=True)]
    apart = max((abs(a - b) for a, b in pairs), default=0.0)
    close = closeness(apart, max((abs(a) for a, _ in pairs), default=0.0))
    said = f"{len(parity.rungs)} of {len(parity.rungs)} rungs · {len(parity.pairs)} layers"
    return f"{said} · {parity.dtype} losses agree to {close} over {count(parity.steps, 'step')}"
