"""Times every form of one framework in one process: blocks of steps in turn, in reversed order each time.

Prints one line of JSON: the median step in seconds, by form. If a form's losses differ from the baseline's,
it does not compute the same step: the program ends with an error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from itertools import islice
from statistics import median

from compare.data import mnist
from compare.data.batches import batches
from compare.data.weights import initial_weights
from lenet_spec import LeNetSpec

WARMUP_STEPS, ROUNDS, BLOCK_STEPS = 10, 20, 10
LARGEST_LOSS_DIFFERENCE, JUDGED_STEPS = 1e-3, 5  # after more steps, rounding in float32 grows


def main(framework: str, seed: int) -> None:
    """Time every form of a framework, and print the medians."""
    runtime = importlib.import_module(f"{framework}_impl.runtime")
    runtime.configure(
        device="cpu", threads=int(os.environ["OMP_NUM_THREADS"]), tf32=False, deterministic=False
    )
    forms = importlib.import_module(f"tools.tried.{framework}_forms").FORMS
    spec, weights = LeNetSpec(), initial_weights(LeNetSpec(), seed)
    steps = WARMUP_STEPS + ROUNDS * BLOCK_STEPS
    stream = list(islice(batches(mnist.load(), spec, seed=seed, dtype="float32"), steps))
    trainers = {form.name: form.trainer(spec, weights, device="cpu", dtype="float32") for form in forms}
    losses: dict[str, list[float]] = {name: [] for name in trainers}
    seconds: dict[str, list[float]] = {name: [] for name in trainers}

    def train(name: str, begin: int, end: int) -> None:
        for batch in stream[begin:end]:
            start = time.perf_counter()
            loss = float(trainers[name].step(*batch)[0])
            seconds[name].append(time.perf_counter() - start)
            losses[name].append(loss)

    for name in trainers:
        train(name, 0, WARMUP_STEPS)
    for number in range(ROUNDS):
        begin = WARMUP_STEPS + number * BLOCK_STEPS
        for name in list(trainers)[:: 1 if number % 2 else -1]:
            train(name, begin, begin + BLOCK_STEPS)
    baseline = losses[forms[0].name]
    for name, found in losses.items():
        difference = max(
            abs(a - b) for a, b in zip(found[:JUDGED_STEPS], baseline[:JUDGED_STEPS], strict=True)
        )
        if difference > LARGEST_LOSS_DIFFERENCE:
            sys.exit(
                f"{name} is not the same step: a loss differs by {difference:.2g} in {JUDGED_STEPS} steps"
            )
    print(json.dumps({name: median(times[WARMUP_STEPS:]) for name, times in seconds.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
