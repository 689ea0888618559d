"""Measures what the harness adds to a step: compares its timed loop with a bare loop of the same operations.

    python -m tools.harness_cost

Each launch has one process and one model, and blocks of steps in A B B A order, so that only the loop
differs. The bare loop is what a user would write: a step, then the loss to the host. Prints both medians and
their ratio, and writes docs/results/harness_cost.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import safetensors.numpy

from compare.data.batches import Batch
from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.records import machine
from compare.records.files import write_json
from compare.worker.frameworks import Configured
from compare.worker.session import Session
from lenet_spec import LeNetSpec

LAUNCHES, BLOCKS, BLOCK_STEPS = 3, 40, 10


def main() -> None:
    """Run all launches. Each launch runs this file again, in a worker's environment, started as a worker."""
    environment = Conditions().environment()
    launches = []
    for framework in ("tf", "torch"):
        for _ in range(LAUNCHES):
            command = [sys.executable, "-m", "tools.harness_cost", framework]
            done = subprocess.run(
                command, env=environment, cwd=machine.ROOT, stdout=subprocess.PIPE, text=True, check=True
            )
            launch = {"framework": framework} | json.loads(done.stdout.splitlines()[-1])
            launches.append(launch)
            ratio = launch["harness_seconds"] / launch["bare_seconds"]
            print(
                f"{framework}: harness {launch['harness_seconds'] * 1000:.3f} ms, "
                f"bare loop {launch['bare_seconds'] * 1000:.3f} ms, ratio {ratio:.4f}",
                flush=True,
            )
    path = machine.ROOT / "docs" / "results" / "harness_cost.json"
    record = {"environment": machine.describe(), "steps": BLOCKS * BLOCK_STEPS, "launches": launches}
    write_json(path, record)


def measure(framework: str) -> None:
    """Run one launch. Print the median steps of both loops as a line of JSON."""
    with tempfile.TemporaryDirectory() as directory:
        weights_path = Path(directory) / "weights.safetensors"
        safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
        conditions = Conditions(threads=int(os.environ["OMP_NUM_THREADS"]))
        place = (f"{framework}_impl.train", "Trainer")
        session = Session(conditions.set_up(framework, place, LeNetSpec(), weights_path), Configured())
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
    print(json.dumps({"harness_seconds": median(harness), "bare_seconds": median(bare)}))


def bare_loop(trainer: Any, prepared: list[Batch]) -> list[float]:
    """Return the seconds of each step in a loop as a user would write it."""
    seconds = []
    for batch in prepared:
        start = time.perf_counter()
        loss, _ = trainer.step(*batch)
        float(loss)
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()
