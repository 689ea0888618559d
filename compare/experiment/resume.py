"""Continues an interrupted run (`--resume DIR`): reads its options, keeps what it finished, checks the rest.

Finished launches are kept. A seed's launches train interleaved, so if one of them is unfinished, the whole
seed trains again, from the same weights on the same batches. On the CPU its losses are those of a run without
interruption; on a card this needs --deterministic. A launch that failed is unfinished. A launch that diverged
is finished, since it would diverge again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from compare.config import OWN_FILES, PATHS, Entrant, RunConfig, option_as_typed
from compare.errors import UserError
from compare.experiment.card import CardWatch
from compare.records import machine
from compare.records.config import Config
from compare.records.foreign import read_results
from compare.records.results import Launch, Results

# Options that may come with --resume: paths on this machine, which no record holds, and time limits.
FREE = (*PATHS, *OWN_FILES, "timeout", "tensorboard")

# Facts of the environment that change a figure. Load and clock do so too, but they have warnings.
FACTS = ("cpu", "cpus_usable", "kernel", "libc", "machine", "python", "packages", "code_version")
AS_IT_BEGAN = "Resume it on the same machine with the same versions"


def recorded_config(directory: Path) -> RunConfig:
    """Return the options of the run in `directory`. Raises UserError if there is no such run."""
    return options_of(read_results(directory).config, directory)


def options_of(config: Config, directory: Path) -> RunConfig:
    """Return the options that a run's record holds. Raises UserError if they are not those of a run."""
    record = msgspec.to_builtins(config)
    known = {field.name for field in dataclasses.fields(RunConfig)} - {*PATHS, *OWN_FILES}
    options = {name: value for name, value in record.items() if name in known}
    try:
        options["device"] = record["device"].split(",")
        options["variants"] = record["variants"].split(",")
        options["threads"] = record["thread_counts"]
        options["workers"] = [int(number) for number in record["workers"].split(",")]
        for name in ("inputs", "inference"):
            options[name] = [one for one in record[name].split(",") if one]
        options["batch_sizes"] = [int(size) for size in record["batch_sizes"].split(",") if size]
        if record["task"]:  # the task fixes the batches
            options["batch_size"] = RunConfig().batch_size
        options["download"] = record["download"] or None  # False in files of the first version
        found = msgspec.convert(options, RunConfig, strict=True)
    except (AttributeError, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise UserError(
            f"--resume: {directory} does not hold a run's options: {error}. Start a new run with --out."
        ) from error
    return dataclasses.replace(found, resume=directory)


def check_options(config: RunConfig, directory: Path) -> None:
    """Raise UserError for the first option that differs from the options at the start of the run."""
    record = read_results(directory).config
    recorded, began = options_of(record, directory), record.cluster
    if began != (config.cluster is not None):
        how, action = (
            ("with", "Add it: --cluster local, or the address") if began else ("without", "Leave it out")
        )
        raise UserError(
            f"--resume: the run in {directory} was started {how} --cluster.\n"
            f"{action}, or start a new run with --out."
        )
    for field in dataclasses.fields(RunConfig):
        given, before = getattr(config, field.name), getattr(recorded, field.name)
        if field.name not in FREE and given != before:
            flag = "--" + field.name.replace("_", "-")
            raise UserError(
                f"{flag} is {option_as_typed(given)}, but the run in {directory} was started with "
                f"{option_as_typed(before)}.\n"
                "Leave the option out, or start a new run with --out."
            )
    if config.out is not None and config.out.resolve() != directory.resolve():
        raise UserError(
            f"--out {config.out} and --resume {directory} name two different directories. Name one of them."
        )


def check_unchanged(results: Results, data_sha256: str) -> None:
    """Raise UserError for the first change since the run began: in the data, the machine or the code.

    data_sha256: the digest of the present data set.
    """
    check_data(results, data_sha256)
    check_facts(results.environment, machine.describe(), {fact: fact.replace("_", " ") for fact in FACTS})


def check_data(results: Results, sha256: str) -> None:
    """Raise UserError for another data set. sha256: of the one now."""
    recorded = results.config.data.sha256
    if recorded != sha256:
        changed("data set (SHA-256)", recorded, sha256, "Name the same data with --data-dir")


def check_card(results: Results, card: CardWatch | None) -> None:
    """Raise UserError if the card or the driver has changed, as far as NVML reported both."""
    before = results.environment.card and results.environment.card.before
    now = card and card.record.before
    if before and now:
        check_facts(before, now, {"name": "card", "driver": "NVIDIA driver"})


def check_facts(before: object, now: object, facts: Mapping[str, str]) -> None:
    """Raise UserError for the first fact that differs in two records. facts: each fact's name in words."""
    for fact, name in facts.items():
        was, is_now = getattr(before, fact), getattr(now, fact)
        if machine.differ(was, is_now):
            changed(name, was, is_now, AS_IT_BEGAN)


def check_versions(results: Results, present: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError for the first package whose version has changed. present: the versions now."""
    for run in results.runs:
        for package, before in run.versions.items():
            now = present.get(run.framework, {}).get(package)
            if now != before:
                changed(f"version of {package}", before, now, f"Install {package} {before} again")


def changed(what: str, before: object, now: object, action: str) -> None:
    raise UserError(
        f"--resume: the {what} was {before} when the run began, and is {now} now: old and "
        f"new launches cannot be compared.\n{action}, or start a new run with --out."
    )


def settled(run: Launch) -> bool:
    """Return whether a launch is finished."""
    return run.ended and run.status in ("ok", "diverged")


def keep_finished(results: Results, entrants: Sequence[Entrant], other_counts: Sequence[int]) -> None:
    """Drop all rows of a seed and device if one of its launches is not finished.

    entrants: the entrants that train. The rows of those that the parity gate excluded stay.
    other_counts: the other thread counts, at which short launches run.
    """
    for seed in {run.seed for run in results.runs}:
        for device in {entrant.device for entrant in entrants}:
            labels = {entrant.label for entrant in entrants if entrant.device == device}
            group = [run for run in results.runs if (run.seed, run.device) == (seed, device)]
            if not labels <= {run.label for run in group if settled(run)}:
                results.runs = [
                    run
                    for run in results.runs
                    if (run.seed, run.device) != (seed, device) or run.label not in labels
                ]
    counts = Counter((run.label, run.device, run.seed) for run in results.thread_runs if settled(run))
    results.thread_runs = [
        run
        for run in results.thread_runs
        if counts[run.label, run.device, run.seed] == len(other_counts) and settled(run)
    ]


def trained(runs: Sequence[Launch], entrants: Sequence[Entrant], seed: int) -> bool:
    """Return whether the seed has rows of all these entrants."""
    present = {(run.label, run.device) for run in runs if run.seed == seed}
    return all((entrant.label, entrant.device) in present for entrant in entrants)
