"""`python -m tools.cluster_cost`: what `--cluster local` costs a step. Takes about a quarter of an hour.

A driver starts the engine as `--cluster local` does, with a task that waits for a command as a run's does.
Beside it, launches train in turn as in any run. All processes of the driver are stopped and continued, every
two rounds of blocks, so that steps beside a running engine and beside a stopped one are seconds apart: the
speed of a machine drifts from minute to minute. Writes docs/results/cluster.json: for each label, the paired
ratio of the two step times, with its interval over launches; the CPUs that the engine keeps busy; and the
verdict of a run with the engine that compares a variant with itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psutil

from compare.cluster.engine import LOCAL, joined
from compare.cluster.task import LOOK_EVERY_SECONDS
from compare.config import RunConfig, entrants
from compare.data import mnist
from compare.experiment.training import train_seed
from compare.records import machine
from compare.records.files import write_json
from compare.records.foreign import read_results
from compare.records.results import Launch, Results
from compare.statistics.intervals import ratio_interval

OUT = machine.ROOT / "docs" / "results" / "cluster.json"
CONFIG = RunConfig(seeds=8, steps=300)
SAME_OPTIONS = ("--seeds", "5", "--steps", "300", "--variants", "torch:eager,torch:eager", "--cluster", LOCAL)
RUNNING_ROUNDS = (0, 3)  # of each four: both states have as many rounds in either order, and a drift cancels


def main(argv: Sequence[str]) -> int:
    """Measure, and write."""
    if argv:
        return drive()
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    with tempfile.TemporaryDirectory() as directory, engine() as processes:
        used = cpus_used(processes)
        dataset, switch = mnist.load(None, CONFIG.spec()), Switch(processes)
        for seed in CONFIG.seed_range():
            for run, states in trained(seed, dataset, Path(directory), switch):
                beside_running, beside_stopped = seconds.setdefault(run.label, ([], []))
                running, stopped = apart(run, states)
                beside_running.append(median(running))
                beside_stopped.append(median(stopped))
    with tempfile.TemporaryDirectory() as directory:
        same = measured(SAME_OPTIONS, Path(directory) / "same")
    record: dict[str, Any] = {
        "environment": machine.describe(),
        "seeds": CONFIG.seeds,
        "steps": CONFIG.steps,
        "engine_cpus_used": used,
        "engine_running_over_stopped": {label: compared(*both) for label, both in seconds.items()},
        "same_variant_with_engine": [
            one.sentence for one in same.comparisons if one.metric == "step_seconds"
        ],
    }
    write_json(OUT, record)
    return 0


@contextmanager
def engine() -> Iterator[list[psutil.Process]]:
    """Yield the driver and all processes of its engine."""
    command = [sys.executable, "-m", "tools.cluster_cost", "driver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        try:
            if not driver.stdout.readline():
                raise RuntimeError("the driver has ended")
            top = psutil.Process(driver.pid)
            yield [top, *top.children(recursive=True)]
        finally:
            driver.stdin.close()


def cpus_used(processes: Sequence[psutil.Process], seconds: float = 20.0) -> float:
    """Return how many CPUs the engine keeps busy while nothing trains."""
    time.sleep(seconds)  # for what the start leaves to do
    before, start = [sum(one.cpu_times()[:2]) for one in processes], time.monotonic()
    time.sleep(seconds)
    after = [sum(one.cpu_times()[:2]) for one in processes]
    return (sum(after) - sum(before)) / (time.monotonic() - start)


def drive() -> int:
    """Start the engine and a task that waits, and look for its end as a run does, until the input closes."""
    closed = threading.Thread(target=sys.stdin.read, daemon=True)
    closed.start()
    with joined(LOCAL) as started:
        node = started.nodes()[0]
        task = started.ray.remote(wait_for_a_command).options(num_cpus=node.cpus).remote()
        if not started.ended({task: node}):  # after two seconds it runs
            print("ready", flush=True)
        while not started.ended({task: node}):
            if not closed.is_alive():
                return 0
    return 1


def wait_for_a_command() -> None:
    """Wait as `compare.cluster.task.execute` does."""
    with subprocess.Popen(["sleep", "infinity"]) as process:
        while process.poll() is None:
            time.sleep(LOOK_EVERY_SECONDS)


class Switch:
    """Stops and continues the engine between blocks. Implements `training.Progress`."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self.processes = processes
        self.states: dict[str, list[bool]] = {}  # by label, whether the engine ran during each block
        self.running = True

    def starting(self, labels: list[str], seed: int) -> None:
        del seed
        self.states = {label: [] for label in labels}

    def trained(self, label: str, steps: int, seconds: float) -> None:
        del steps, seconds
        self.states[label].append(self.running)
        blocks = sum(map(len, self.states.values()))
        self.let(running=blocks // len(self.states) % 4 in RUNNING_ROUNDS)

    def ended(self, run: Launch, steps_not_done: int) -> None:
        del run, steps_not_done
        self.let(running=True)

    def let(self, *, running: bool) -> None:
        if running != self.running:
            for process in self.processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT if running else signal.SIGSTOP)
            self.running = running


def trained(
    seed: int, dataset: mnist.Dataset, directory: Path, switch: Switch
) -> list[tuple[Launch, list[bool]]]:
    """Train a launch of each entrant. Return its row, and whether the engine ran during each block."""
    try:
        runs = train_seed(
            CONFIG,
            entrants(CONFIG),
            seed,
            dataset,
            directory,
            progress=switch,
            save=lambda _: None,
            complete=False,
        )
    finally:
        switch.let(running=True)
    for run in runs:
        print(f"{run.label}, seed {seed}: {run.status} {run.reason or ''}", flush=True)
    return [(run, switch.states[run.label]) for run in runs if run.status == "ok"]


def apart(run: Launch, states: Sequence[bool]) -> tuple[list[float], list[float]]:
    """Return the seconds of the timed steps beside a running engine, and beside a stopped one."""
    found: tuple[list[float], list[float]] = ([], [])
    start = 0
    for size, running in zip(run.block_sizes, states, strict=True):
        if start >= run.warmup_steps:
            found[not running].extend(run.step_seconds[start : start + size])
        start += size
    return found


def measured(options: Sequence[str], out: Path) -> Results:
    """Return what a run with these options found. Raises CalledProcessError if it did not end well."""
    subprocess.run([sys.executable, "-m", "compare.run", *options, "--out", str(out)], check=True)
    return read_results(out)


def compared(running: Sequence[float], stopped: Sequence[float]) -> dict[str, Any]:
    """Return the ratio with its 95 % interval, and the medians that it is made of."""
    return {
        "ratio": msgspec.to_builtins(ratio_interval(running, stopped)),
        "running_seconds": list(running),
        "stopped_seconds": list(stopped),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
