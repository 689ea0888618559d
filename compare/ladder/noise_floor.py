"""How far float32 training parts by itself, so that how far two frameworks part can be judged.

Rounding noise in a gradient is about as large as Adam's epsilon, so Adam turns it into full-size steps and
any two float32 runs that round differently part. No fixed tolerance fits; the floor is what one framework
does to itself when nothing that matters has changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import safetensors.numpy

from compare.cpus import usable_cpus
from compare.data.streams import generator
from compare.data.weights import initial_weights
from compare.ladder.climb import finite_or_none
from compare.ladder.plan import Plan, Port
from compare.ladder.side import Side, launch
from compare.ladder.together import asking
from compare.numbers import count
from compare.processes.launcher import Worker
from compare.records.files import write_atomically
from compare.records.parity import NoiseFloor, SelfDivergence

LIMIT = 2.0  # of the ratio: self-divergences of one kind differ among themselves by that much
LOSS_ROUNDING = 2.0**-22  # between neighbouring float32 losses from 2 to 4: no floor is lower
ULP, AGAIN = "weights moved by 1 ulp", "run again"


def measure(plan: Plan, ports: Sequence[Port], pythons: Mapping[str, Path], directory: Path) -> NoiseFloor:
    """Trains each of the first two ports once as it is and once for each change, in float32.

    Raises NotOnTheLadder, WorkerRefused or WorkerFailed where one of them cannot.
    """
    plan = dataclasses.replace(plan, dtype="float32")
    weights = initial_weights(plan.spec, plan.seed)
    moved = moved_by_one_ulp(weights, plan.seed)
    paths = {}
    for name, arrays in (("noise-floor-weights", weights), ("noise-floor-moved-weights", moved)):
        paths[name] = directory / f"{name}.safetensors"
        write_atomically(paths[name], safetensors.numpy.save(dict(arrays)))
    as_they_are, moved_path = paths.values()
    other_threads = other_thread_count(plan.threads)
    runs: dict[str, list[list[float]]] = {}
    for threads, weight_paths in (
        (plan.threads, (as_they_are, as_they_are, moved_path)),
        (other_threads, (as_they_are,) if other_threads else ()),
    ):
        if weight_paths:
            there = dataclasses.replace(plan, threads=threads)
            for label, losses in train_all(there, ports[:2], pythons, weight_paths, directory).items():
                runs.setdefault(label, []).extend(losses)
    for path in paths.values():
        path.unlink()
    changes = [AGAIN, ULP, f"{count(other_threads, 'thread')}, not {plan.threads}"]
    return judged(plan, runs, changes)


def other_thread_count(threads: int) -> int:
    """1, or 2 where it is 1 already; 0 where this process has but one CPU."""
    return 1 if threads > 1 else 2 * (usable_cpus() > 1)


def train_all(
    plan: Plan,
    ports: Sequence[Port],
    pythons: Mapping[str, Path],
    weight_paths: Sequence[Path],
    directory: Path,
) -> dict[str, list[list[float]]]:
    """By label, the losses of one training from each file of weights; the ports work side by side."""

    def train_in_turn(port: Port, worker: Worker) -> list[list[float]]:
        found = []
        for path in weight_paths:
            side = Side(port, plan, worker, path)
            _ = side.first_parameters
            side.train(plan.steps)
            found.append(side.losses)
        return found

    with ExitStack() as stack:
        workers = [
            stack.enter_context(launch(port, plan, pythons[port.framework], directory)) for port in ports
        ]
        with asking(workers) as pool:
            losses = pool.map(train_in_turn, ports, workers)
            return {port.label: found for port, found in zip(ports, losses, strict=True)}


def moved_by_one_ulp(weights: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Every weight to its upper or lower neighbour, at random; zeros stay: their neighbours are denormal."""
    rng = generator(seed, "weights")
    moved = {}
    for name, array in weights.items():
        towards = np.where(rng.random(array.shape) < 0.5, -np.inf, np.inf).astype(np.float32)
        moved[name] = np.where(array == 0, array, np.nextafter(array, towards))
    return moved


def judged(plan: Plan, runs: Mapping[str, Sequence[Sequence[float]]], changes: Sequence[str]) -> NoiseFloor:
    """Judge. Judge the floor. runs: by label, the losses as it is, then one list for each change."""
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
    """|difference| of losses, one a step, over the steps that both have."""
    return [abs(a - b) for a, b in zip(left, right, strict=False)]


def rms(differences: Sequence[float | None]) -> float:
    """Root mean square; a step without a figure counts as infinitely far."""
    values = np.array([np.inf if one is None else one for one in differences])
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("inf")


def sentence(labels: Sequence[str], highest: SelfDivergence, ratio: float, passed: bool) -> str:
    verb = "no more than" if passed else "more than"
    return (
        f"in float32 {labels[0]} and {labels[1]} differ {verb} {highest.label} differs from itself "
        f"({highest.change}): {ratio:.2f} times, {LIMIT:g} allowed"
    )
