"""Data-parallel training with both frameworks' own engines: proved, taken apart by cost, and killed.

    python -m tools.ranks

Writes docs/results/ranks.json. Proof: the losses of 2 and 3 ranks against those of one process, in float64.
Arms: the step of one process and of two, with and without the exchange of gradients, interleaved. Kills: a
random rank, at a random moment.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import safetensors.numpy

from compare.data.weights import initial_weights
from compare.experiment.schedule import rounds
from compare.processes.conditions import Conditions
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed
from compare.protocol import messages
from compare.records import machine
from compare.records.files import write_json
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec

SPEC = LeNetSpec()
VARIANTS = ("tf:eager", "torch:eager")
PROOFS = ((2, 1000), (3, 200))  # ranks, steps
LAUNCHES, STEPS, WARMUP_STEPS, BLOCK_STEPS = 5, 120, 20, 10
KILLS, LONGEST_WAIT_SECONDS = 10, 3.0
TIMEOUT_SECONDS = 600.0
BLOCK = 50


@dataclass(frozen=True)
class Arm:
    """One way to spend two CPUs. engine: in the framework's data-parallel engine, even if alone."""

    name: str
    ranks: int
    threads: int
    engine: bool
    exchange: bool = True


ARMS = (
    Arm("1 process × 1 thread", 1, 1, engine=False),
    Arm("1 process × 2 threads", 1, 2, engine=False),
    Arm("1 process × 2 threads, in the engine", 1, 2, engine=True),
    Arm("2 processes × 1 thread, no exchange", 2, 1, engine=False, exchange=False),
    Arm("2 processes × 1 thread", 2, 1, engine=True),
)


def main() -> None:
    """Measure everything and write the record."""
    record = {
        "environment": machine.describe(),
        "batch_size": SPEC.training.batch_size,
        "proofs": list(proofs()),
        "arms": list(arms(ARMS)),
        "same": list(arms((ARMS[-1], ARMS[-1]))),
        "kills": list(kills()),
    }
    write_json(machine.ROOT / "docs" / "results" / "ranks.json", record)


def start(
    variant: str, arm: Arm, directory: Path, stack: ExitStack, *, seed: int = 0, dtype: str = "float32"
) -> Worker | Group:
    """Start and set up what trains one arm."""
    own = VARIANTS_BY_NAME[variant]
    weights_path = directory / f"weights-{seed}.safetensors"
    weights_path.write_bytes(safetensors.numpy.save(initial_weights(SPEC, seed)))
    conditions = Conditions(threads=arm.threads)
    log_path = Path(tempfile.mkstemp(dir=directory, suffix=".log")[1])
    alone = arm.ranks == 1 and not arm.engine
    runner: Worker | Group = (
        conditions.launch(own.framework, log_path, name=variant)
        if alone
        else conditions.launch_ranks(own.framework, arm.ranks, log_path, name=variant, exchange=arm.exchange)
    )
    stack.enter_context(runner)
    place = own.rank_place() if arm.engine else own.place(dtype)
    assert place is not None
    request = conditions.set_up(own.framework, place, SPEC, weights_path, dtype=dtype, seed=seed)
    runner.request(request, messages.Ready, TIMEOUT_SECONDS)
    return runner


def losses(variant: str, arm: Arm, steps: int) -> list[float]:
    """Return the losses of a training in float64."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        runner = start(variant, arm, Path(directory), stack, dtype="float64")
        while len(found) < steps:
            block = messages.Train(min(BLOCK, steps - len(found)))
            found += runner.request(block, messages.Trained, TIMEOUT_SECONDS).losses
    return found


def proofs() -> Iterator[dict[str, object]]:
    """Compare the losses of several ranks with those of one process."""
    for variant in VARIANTS:
        alone = losses(variant, ARMS[1], max(steps for _, steps in PROOFS))
        for ranks, steps in PROOFS:
            together = losses(variant, Arm("", ranks, 1, engine=True), steps)
            gap = max(abs(a - b) for a, b in zip(alone, together, strict=False))
            print(f"{variant}: {ranks} ranks, {steps} steps, losses within {gap:.1e}", flush=True)
            yield {"variant": variant, "ranks": ranks, "steps": steps, "largest_difference": gap}


def arms(compared: Sequence[Arm]) -> Iterator[dict[str, object]]:
    """Train the arms interleaved, block by block, in fresh processes for each launch."""
    for variant in VARIANTS:
        for launch in range(LAUNCHES):
            times: list[list[float]] = [[] for _ in compared]
            with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
                runners = [start(variant, arm, Path(directory), stack, seed=launch) for arm in compared]
                for round_ in rounds(
                    len(compared),
                    STEPS,
                    warmup_steps=WARMUP_STEPS,
                    block_steps=lambda _: BLOCK_STEPS,
                    seed=launch,
                ):
                    for index in round_.order:
                        block = runners[index].request(
                            messages.Train(round_.steps), messages.Trained, TIMEOUT_SECONDS
                        )
                        times[index] += block.step_seconds
            medians = [median(one[WARMUP_STEPS:]) for one in times]
            print(variant, launch, *(f"{seconds * 1000:.1f} ms" for seconds in medians), flush=True)
            yield {
                "variant": variant,
                "launch": launch,
                "arms": [
                    asdict(arm) | {"median_step_seconds": seconds}
                    for arm, seconds in zip(compared, medians, strict=True)
                ],
            }


def kills() -> Iterator[dict[str, object]]:
    """Kill a rank of three while they train: the group must end, and name it."""
    chance = random.Random(0)
    for number in range(KILLS):
        variant, rank = VARIANTS[number % 2], chance.randrange(3)
        seconds = chance.uniform(0.1, LONGEST_WAIT_SECONDS)
        message = ""
        with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
            group = start(variant, Arm("", 3, 1, engine=True), Path(directory), stack)
            assert isinstance(group, Group)
            pids = [worker.process.pid for worker in group.workers]
            threading.Timer(seconds, os.kill, (pids[rank], signal.SIGKILL)).start()
            try:
                group.request(messages.Train(1_000_000), messages.Trained, TIMEOUT_SECONDS)
            except WorkerFailed as failure:
                message = str(failure).partition(" (")[0]
        left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        named = message == f"{variant} rank {rank} was killed by SIGKILL"
        print(f"killed rank {rank} after {seconds:.1f} s: {message}; left running: {len(left)}", flush=True)
        yield {
            "variant": variant,
            "rank": rank,
            "seconds": seconds,
            "named_rightly": named,
            "left_running": len(left),
        }


if __name__ == "__main__":
    main()
