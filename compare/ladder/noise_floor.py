"""Measures how far a float32 training differs from itself, to judge how far two frameworks differ.

Rounding noise in a gradient is about as large as Adam's epsilon, so Adam turns it into full-size steps, and
two float32 runs that round differently diverge. No fixed tolerance fits. The noise floor is the difference of
one framework from itself after a change that should not matter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from compare.cpus import usable_cpus
from compare.data import mnist
from compare.data.streams import generator
from compare.ladder.climb import finite_or_none
from compare.ladder.climber import Climber
from compare.ladder.inputs import Inputs
from compare.ladder.plan import Plan, Port
from compare.ladder.together import asking, launch
from compare.numbers import count
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.records.parity import NoiseFloor, SelfDivergence

LIMIT = 2.0  # of the ratio: repeated self-divergences of one kind differ by this factor
LOSS_ROUNDING = 2.0**-22  # the spacing of float32 losses from 2 to 4: no floor is lower
ULP, AGAIN = "weights moved by 1 ulp", "run again"


def measure(
    plan: Plan, dataset: mnist.Dataset, ports: Sequence[Port], pythons: Mapping[str, Path], directory: Path
) -> NoiseFloor:
    """Train each of the first two ports in float32, once unchanged and once for each change.

    Raises NotOnTheLadder, WorkerRefused or WorkerFailed if a port cannot train.
    """
    plan = dataclasses.replace(plan, dtype="float32")
    inputs = Inputs(plan, dataset)
    weights = {"initial": inputs.weights, "moved": moved_by_one_ulp(inputs.weights, plan.seed)}
    other_threads = other_thread_count(plan.threads)
    runs: dict[str, list[list[float]]] = {}
    for threads, names in (
        (plan.threads, ("initial", "initial", "moved")),
        (other_threads, ("initial",) if other_threads else ()),
    ):
        if names:
            there = dataclasses.replace(plan, threads=threads)
            starts = [(name, weights[name]) for name in names]
            found = train_all(there, inputs, ports[:2], starts, pythons=pythons, directory=directory)
            for label, losses in found.items():
                runs.setdefault(label, []).extend(losses)
    for path in directory.glob("ladder-*-weights.safetensors"):
        path.unlink()
    changes = [AGAIN, ULP, f"{count(other_threads, 'thread')}, not {plan.threads}"]
    return judged(plan, runs, changes)


def other_thread_count(threads: int) -> int:
    """Return 1, or 2 if `threads` is 1. Return 0 if `threads` is 1 and this process has only one CPU."""
    return 1 if threads > 1 else 2 * (usable_cpus() > 1)


def train_all(
    plan: Plan,
    inputs: Inputs,
    ports: Sequence[Port],
    starts: Sequence[tuple[str, Mapping[str, np.ndarray]]],
    *,
    pythons: Mapping[str, Path],
    directory: Path,
) -> dict[str, list[list[float]]]:
    """Return, by label, the losses of one training from each set of weights. The ports train together."""

    def train_in_turn(port: Port, worker: Worker | Group) -> list[list[float]]:
        found = []
        for name, weights in starts:
            climber = Climber(port, plan, worker, inputs, directory)
            climber.set_up(plan.spec, name, weights)
            climber.train(plan.steps)
            found.append(climber.losses)
        return found

    with ExitStack() as stack:
        workers: list[Worker | Group] = []
        for port in ports:
            workers.append(launch(port, plan, pythons[port.framework], directory))
            stack.enter_context(workers[-1])
        with asking(workers) as pool:
            losses = pool.map(train_in_turn, ports, workers)
            return {port.label: found for port, found in zip(ports, losses, strict=True)}


def moved_by_one_ulp(weights: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Move every weight to the next float, up or down at random. Keep zeros: the next float is denormal."""
    rng = generator(seed, "weights")
    moved = {}
    for name, array in weights.items():
        towards = np.where(rng.random(array.shape) < 0.5, -np.inf, np.inf).astype(np.float32)
        moved[name] = np.where(array == 0, array, np.nextafter(array, towards))
    return moved


def judged(plan: Plan, runs: Mapping[str, Sequence[Sequence[float]]], changes: Sequence[str]) -> NoiseFloor:
    """Judge the noise floor. runs: by label, the losses without a change, then those with each change."""
    first, second = (losses[0] for losses in runs.values())
    pair = gaps_of(first, second)
    selves = [
        SelfDivergence(label, change, finite_or_none(apart), not any(apart))
        for label, losses in runs.items()
        for change, changed in zip(changes, losses[1:], strict=False)
        for apart in [gaps_of(losses[0], changed)]
    ]
    floors = {index: rms(one.loss_differences) for index, one in enumerate(selves)}
    highest = max(floors, key=lambda index: floors[index])
    ratio = rms(finite_or_none(pair)) / max(floors[highest], LOSS_ROUNDING)
    passed = ratio <= LIMIT
    return NoiseFloor(
        labels=list(runs),
        dtype=plan.dtype,
        dropout=plan.spec.dropout.active,
        losses={label: finite_or_none(losses[0]) for label, losses in runs.items()},
        pair_differences=finite_or_none(pair),
        selves=selves,
        ratio=ratio,
        limit=LIMIT,
        passed=passed,
        sentence=sentence(list(runs), selves[highest], ratio, passed),
    )


def gaps_of(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """Return |difference| of the losses, one for each step that both trainings have."""
    return [abs(a - b) for a, b in zip(left, right, strict=False)]


def rms(differences: Sequence[float | None]) -> float:
    """Return the root mean square. A step without a number counts as infinite."""
    values = np.array([np.inf if one is None else one for one in differences])
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("inf")


def sentence(labels: Sequence[str], highest: SelfDivergence, ratio: float, passed: bool) -> str:
    verb = "no more than" if passed else "more than"
    return (
        f"in float32 {labels[0]} and {labels[1]} differ {verb} {highest.label} differs from itself "
        f"({highest.change}): the ratio is {ratio:.2f}, and {LIMIT:g} is allowed"
    )
