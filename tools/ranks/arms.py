"""Times the step of one process and of two on the same CPUs, interleaved in one launch.

The last arm is measured twice, as an A/A: only chance can make the two differ.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import safetensors.numpy

from compare.data.weights import initial_weights
from compare.experiment.schedule import rounds
from compare.processes.conditions import Conditions
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.protocol import messages
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec
from tools.ranks.record import ArmTime, Launch

SPEC = LeNetSpec()
TIMED = ("tf:eager", "torch:eager")
LAUNCHES, STEPS, WARMUP_STEPS, BLOCK_STEPS = 5, 100, 20, 10
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Arm:
    """One way to spend two CPUs. engine: inside the framework's data-parallel engine, even with one rank."""

    name: str
    ranks: int
    threads: int
    engine: bool
    exchange: bool = True


ONE_THREAD = Arm("1 process × 1 thread", 1, 1, engine=False)
TWO_THREADS = Arm("1 process × 2 threads", 1, 2, engine=False)
WRAPPED = Arm("1 process × 2 threads, in the engine", 1, 2, engine=True)
APART = Arm("2 processes × 1 thread, no exchange", 2, 1, engine=False, exchange=False)
TOGETHER = Arm("2 processes × 1 thread", 2, 1, engine=True)
AGAIN = Arm("2 processes × 1 thread, again", 2, 1, engine=True)
SHOWN = (ONE_THREAD, TWO_THREADS, WRAPPED, APART, TOGETHER)
ARMS = (*SHOWN, AGAIN)


def arms(
    variants: Sequence[str] = TIMED, launches: int = LAUNCHES, steps: int = STEPS, spec: LeNetSpec = SPEC
) -> Iterator[Launch]:
    """Train all arms interleaved, block by block, in fresh processes for each launch."""
    for variant in variants:
        for seed in range(launches):
            times: list[list[float]] = [[] for _ in ARMS]
            with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
                runners = [start(variant, arm, Path(directory), stack, spec, seed=seed) for arm in ARMS]
                order = rounds(
                    len(ARMS),
                    WARMUP_STEPS + steps,
                    warmup_steps=WARMUP_STEPS,
                    block_steps=lambda _: BLOCK_STEPS,
                    seed=seed,
                )
                for round_ in order:
                    for index in round_.order:
                        block = runners[index].request(
                            messages.Train(round_.steps), messages.Trained, TIMEOUT_SECONDS
                        )
                        times[index] += block.step_seconds
            medians = [
                ArmTime(arm.name, median(one[WARMUP_STEPS:])) for arm, one in zip(ARMS, times, strict=True)
            ]
            print(variant, seed, *(f"{one.median_step_seconds * 1000:.1f} ms" for one in medians), flush=True)
            yield Launch(variant, seed, steps, spec.training.batch_size, medians)


def start(
    variant: str,
    arm: Arm,
    directory: Path,
    stack: ExitStack,
    spec: LeNetSpec = SPEC,
    *,
    seed: int = 0,
    dtype: str = "float32",
) -> Worker | Group:
    """Start and set up what trains one arm."""
    own = VARIANTS_BY_NAME[variant]
    conditions = Conditions(threads=arm.threads)
    log_path = Path(tempfile.mkstemp(dir=directory, suffix=".log")[1])
    alone = arm.ranks == 1 and not arm.engine
    runner: Worker | Group = (
        conditions.launch(own.framework, log_path, name=variant)
        if alone
        else conditions.launch_ranks(own.framework, arm.ranks, log_path, name=variant, exchange=arm.exchange)
    )
    stack.enter_context(runner)
    set_up(runner, variant, conditions, directory, spec, engine=arm.engine, seed=seed, dtype=dtype)
    return runner


def set_up(
    runner: Worker | Group,
    variant: str,
    conditions: Conditions,
    directory: Path,
    spec: LeNetSpec,
    *,
    engine: bool,
    seed: int,
    dtype: str,
) -> None:
    """Build the model, from the weights of the seed."""
    own = VARIANTS_BY_NAME[variant]
    weights_path = directory / f"weights-{seed}.safetensors"
    weights_path.write_bytes(safetensors.numpy.save(initial_weights(spec, seed)))
    place = own.rank_place() if engine else own.place(dtype)
    assert place is not None
    request = conditions.set_up(own.framework, place, spec, weights_path, dtype=dtype, seed=seed)
    runner.request(request, messages.Ready, TIMEOUT_SECONDS)
