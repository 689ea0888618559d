"""Joins runs of several machines into one file, separates them again, and compares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from compare.findings.comparisons import medians, paired, pairs
from compare.findings.findings import Findings
from compare.labels import Label
from compare.numbers import count
from compare.records.queries import labels, runs_of
from compare.records.results import Launch, Machine, Results
from compare.statistics.machines import Machines, over_machines

# Options that must be equal for step times to be of the same work, with their names for a reader.
SAME_WORK = {
    "steps": "steps",
    "batch_size": "batch size",
    "dtype": "dtype",
    "dropout": "dropout",
    "allocator": "allocator",
    "tf32": "TF32",
    "deterministic": "deterministic operations",
    "spec": "network",
}


@dataclass(frozen=True)
class AcrossMachines:
    """The step times of two labels on every machine that has both. `machines` holds other ÷ baseline."""

    baseline: Label
    other: Label
    machines: Machines


def differences(runs: Mapping[str, Results]) -> list[str]:
    """Return the differences between runs that make their step times belong to other work or other code.

    runs: by a name for the reader.
    """
    first, *others = runs
    found = []
    for other in others:
        for what, one, two in differing(runs[first], runs[other]):
            found.append(f"the {what} is {one} in {first} and {two} in {other}")
    return found


def differing(first: Results, second: Results) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each difference, with both values."""
    for field, name in SAME_WORK.items():
        one, two = getattr(first.config, field), getattr(second.config, field)
        if one != two:
            yield name, *(("one", "another") if field == "spec" else (one, two))
    if first.config.data.sha256 != second.config.data.sha256:
        yield "data set", first.config.data.source, f"{second.config.data.source}, of other content"
    one, two = first.environment.code_version, second.environment.code_version
    if commit(one) != commit(two):
        yield "code version", one, two
    here, there = versions(first.runs), versions(second.runs)
    for package in sorted(here.keys() & there.keys()):
        if here[package] != there[package]:
            yield f"version of {package}", here[package], there[package]


def commit(code_version: str | None) -> str | None:
    """Return the commit of `0.1.0 (d0b1f040a887)`, or the version if it names none."""
    if code_version is None or "(" not in code_version:
        return code_version
    return code_version.partition("(")[2].rstrip(")")


def versions(runs: Sequence[Launch]) -> dict[str, str | None]:
    return {name: version for run in runs for name, version in run.versions.items()}


def repeated(runs: Mapping[str, Results]) -> str | None:
    """Name the first launch that two of the runs hold: same machine, label and seed."""
    seen: dict[tuple[str, str, str, int], str] = {}
    for name, results in runs.items():
        for run in results.runs:
            launch = (run.machine, run.label, run.device, run.seed)
            if launch in seen:
                return f"{seen[launch]} and {name} both hold seed {run.seed} of {run.label} on one machine"
            seen[launch] = name
    return None


def join_results(runs: Sequence[Results]) -> Results:
    """Join the launches of all runs into one file, with the machine of each."""
    machines: dict[str, Machine] = {}
    for one in (part for results in runs for part in apart(results).values()):
        identity = next(iter(one.machines))
        held = machines.setdefault(identity, Machine(one.config.threads, one.environment, one.parity))
        if one.parity is not None and not one.parity.passed:
            held.parity = one.parity  # if one of two runs on a machine failed, that must be visible
    launches = [run for results in runs for run in results.runs]
    first = runs[0]
    return Results(
        config=msgspec.structs.replace(
            first.config,
            device=",".join(dict.fromkeys(name for one in runs for name in one.config.devices)),
            variants=",".join(dict.fromkeys(run.full_label.name for run in launches)),
            **seeds_of(launches),
        ),
        environment=first.environment,
        parity=first.parity,
        runs=launches,
        thread_runs=[run for results in runs for run in results.thread_runs],
        input_runs=[run for results in runs for run in results.input_runs],
        inference_runs=[run for results in runs for run in results.inference_runs],
        machines=machines,
    )


def seeds_of(runs: Sequence[Launch]) -> dict[str, int]:
    seeds = {run.seed for run in runs} or {0}
    return {"seeds": len(seeds), "first_seed": min(seeds)}


def apart(results: Results) -> dict[str, Results]:
    """Separate a file into one for each machine, by its id."""
    found = {}
    for identity, machine in results.machines.items():
        runs = [run for run in results.runs if run.machine == identity]
        found[identity] = msgspec.structs.replace(
            results,
            config=msgspec.structs.replace(results.config, threads=machine.threads, **seeds_of(runs)),
            environment=machine.environment or results.environment,
            parity=machine.parity or results.parity,
            runs=runs,
            thread_runs=[run for run in results.thread_runs if run.machine == identity],
            input_runs=[run for run in results.input_runs if run.machine == identity],
            inference_runs=[run for run in results.inference_runs if run.machine == identity],
            machines={identity: Machine(machine.threads)},
            comparisons=[],
            warnings=[],
            batch_sweep=[],
        )
    return found


def names(results: Mapping[str, Results]) -> dict[str, str]:
    """Return a name for each machine, by its id: processor and CPUs, with a number if two are equal."""
    plain = {identity: describe(one) for identity, one in results.items()}
    found, seen = {}, dict.fromkeys(plain.values(), 0)
    for identity, name in plain.items():
        seen[name] += 1
        alike = list(plain.values()).count(name) > 1
        found[identity] = f"{name} ({seen[name]})" if alike else name
    return found


def describe(results: Results) -> str:
    """Return, for example, `AMD EPYC, 2 CPUs`, with the card's name if the run used a card."""
    environment = results.environment
    cards = dict.fromkeys(run.device_name for run in results.runs if run.device_name)
    cpus = environment.cpus_usable
    parts = [environment.cpu or "an unknown processor", count(cpus, "CPU") if cpus else None, *cards]
    return ", ".join(part for part in parts if part)


def across(found: Mapping[str, Findings]) -> list[AcrossMachines]:
    """Compare every pair of labels that some machine compares, over all machines that have both labels.

    found: by the machine's name. Uses only successful launches, of seeds that both sides have.
    """
    wanted = dict.fromkeys(pair for one in found.values() for pair in pairs(one.results.runs))
    compared = []
    for baseline, other in wanted:
        sides = {}
        for name, one in found.items():
            runs = one.results.runs
            if {baseline, other} <= set(labels(runs)):
                first, second = paired(runs_of(runs, baseline), runs_of(runs, other))
                if first:
                    sides[name] = (medians(second), medians(first))
        if sides:
            compared.append(AcrossMachines(baseline, other, over_machines(sides)))
    return compared
