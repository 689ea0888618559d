"""What the harness adds to a step: its timed loop against a bare loop of the same operations.

    python -m tests.bench.harness_cost torch

One process, one model, blocks of steps in A B B A order, so that only the loop differs. The bare loop does
what a user would write: step, loss to the host. Prints the ratio of medians, and writes nothing.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

BLOCKS, BLOCK_STEPS = 12, 50


def main(framework: str) -> None:
    """Runs itself again in a worker's environment, as a worker is started."""
    from compare.config import usable_cpus
    from compare.processes.environment import worker_environment

    if os.environ.get("KERAS_BACKEND"):
        measure(framework)
        return
    environment = worker_environment(os.environ, device="cpu", threads=usable_cpus(), allocator="stable")
    command = [sys.executable, "-m", "tests.bench.harness_cost", framework]
    subprocess.run(command, env=environment, check=True)


def measure(framework: str) -> None:
    import safetensors.numpy

    from compare.processes import messages
    from compare.session import Session
    from compare.weights import initial_weights
    from lenet_spec import LeNetSpec

    with tempfile.TemporaryDirectory() as directory:
        weights_path = Path(directory) / "weights.safetensors"
        safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
        session = Session(
            messages.SetUp(
                framework=framework,
                module=f"{framework}_impl.train",
                trainer="Trainer",
                spec=dataclasses.asdict(LeNetSpec()),
                device="cpu",
                dtype="float32",
                seed=0,
                weights_path=str(weights_path),
                data_dir=None,
                threads=int(os.environ["OMP_NUM_THREADS"]),
            )
        )
    prepared = list(islice(session.stream(), BLOCK_STEPS))
    harness: list[float] = []
    bare: list[float] = []
    session.train(BLOCK_STEPS)
    for block in range(BLOCKS):
        for first in (True, False) if block % 2 == 0 else (False, True):
            if first:
                harness += session.train(BLOCK_STEPS).step_seconds
            else:
                bare += bare_loop(session.trainer, prepared)
    ratio = median(harness) / median(bare)
    print(
        f"{framework}: harness {median(harness) * 1000:.3f} ms, bare loop {median(bare) * 1000:.3f} ms, "
        f"ratio {ratio:.4f}, {BLOCKS * BLOCK_STEPS} steps each"
    )


def bare_loop(trainer, prepared) -> list[float]:
    seconds = []
    for batch in prepared:
        start = time.perf_counter()
        loss, _ = trainer.step(*batch)
        float(loss)
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main(sys.argv[1])
