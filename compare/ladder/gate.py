"""Climbs the ladder before a run: no variant is timed unless it computes the same function."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from compare.config import ALL, Entrant, RunConfig, recorded_options
from compare.data import mnist
from compare.errors import UserError
from compare.ladder.config import entrant_ports
from compare.ladder.inputs import spec_of_size
from compare.ladder.ladder import Ladder
from compare.ladder.plan import Plan
from compare.ladder.tolerances import judged_steps
from compare.ladder.verdicts import summary
from compare.records.parity import Climb, Gate
from compare.variants import FRAMEWORK_NAMES, VARIANTS

STEPS = 30
TRAINING_BATCH = 16  # largest batch of the plan's steps; in addition, one step of every timed size is judged
PROOF_IMAGES = 200  # test images to evaluate in float64; in the run's dtype, as many as in the run


def gate(
    config: RunConfig,
    entrants: Sequence[Entrant],
    dataset: mnist.Dataset,
    directory: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Gate:
    """Climb in float64, which proves the function, then in the run's own dtype, which is timed.

    Use the run's spec, first seed, threads and switches, and every batch size that it times. Logs go to
    `directory`/parity. The oracle judges each entrant, and the first that passes is compared with every other
    one. If a framework is missing, leave it out, so that the other's results remain valid.
    Raises UserError if no interpreter can be run.
    """
    logs = directory / "parity"
    logs.mkdir(parents=True, exist_ok=True)
    plans = gate_plans(config, len(dataset.train_labels), say)
    ladder = Ladder(plans, dataset, {name: config.python(name) for name in FRAMEWORK_NAMES}, logs)
    climbs = ladder.climb(entrant_ports(entrants))
    if all(ladder.unusable.get(label) for label in ladder.left_out) and not climbs:
        reasons = {label.partition(":")[0]: reason for label, reason in ladder.left_out.items()}
        raise UserError("\n".join(reasons.values()))
    recorded = recorded_options(config)
    found = gate_of(climbs, ladder.left_out, notes_on(climbs, recorded))
    found.dtype, found.steps, found.oracle_steps = plans[0].dtype, plans[0].steps, plans[0].oracle_steps
    found.unavailable = ladder.unavailable
    # results are for sharing: name a log by its path within the run's directory
    return msgspec.convert(without(msgspec.to_builtins(found), f"{directory}{os.sep}"), Gate)


def notes_on(climbs: Sequence[Climb], options: Mapping[str, Any]) -> list[str]:
    """Return notes on what the climbs do not judge, and on the variants that the options leave out.

    options: as results.json records them.
    """
    notes = about_arithmetic(climbs, options["dtype"], options["variants"])
    if options["deterministic"]:
        notes += about_determinism(options["variants"], options["device"])
    return notes


def about_arithmetic(climbs: Sequence[Climb], dtype: str, variants: str) -> list[str]:
    """Return notes on what the climbs do not prove for bfloat16, and on the variants without bfloat16.

    variants: as results.json records them.
    """
    if dtype != "bfloat16":
        return []
    judged = any(climb.dtype == dtype for climb in climbs)
    notes = [] if judged else ["the same network was judged; bfloat16 itself was not"]
    missing = [variant.name for variant in VARIANTS if not variant.takes(dtype)]
    if variants == ",".join(ALL) and missing:
        notes.append(f"left out, without a form in bfloat16: {', '.join(missing)}")
    return notes


def about_determinism(variants: str, devices: str) -> list[str]:
    """Return notes on the variants that --deterministic excludes, and why. Arguments as in results.json."""
    return [
        f"left out on {device}, because --deterministic makes its pooling a loop: {variant.name}"
        for device in devices.split(",")
        for variant in VARIANTS
        if device in variant.loops_if_deterministic and {variant.name, *ALL} & {*variants.split(",")}
    ]


def gate_of(climbs: Sequence[Climb], left_out: Mapping[str, str], notes: Sequence[str]) -> Gate:
    """Return the verdict of climbs. notes: further sentences for the summary."""
    failed = [climb for climb in climbs if not climb.passed]
    shown = next(iter([*failed, *climbs]), None)
    return Gate(
        passed=bool(climbs) and not failed,
        summary=" · ".join([summary(climbs, left_out), *notes]),
        rungs=shown.rungs if shown else [],
        climbs=list(climbs),
        left_out=dict(left_out),
    )


def without(value: Any, text: str) -> Any:
    """Return plain values, with a text removed from every string in them."""
    if isinstance(value, str):
        return value.replace(text, "")
    if isinstance(value, dict):
        return {key: without(one, text) for key, one in value.items()}
    return [without(one, text) for one in value] if isinstance(value, list) else value


def gate_plans(config: RunConfig, train_count: int, say: Callable[[str], None]) -> list[Plan]:
    """Return a plan in float64, and one in the run's dtype if it differs.

    Rung 2 checks only the batches of the plan's steps. The run itself compares each launch's batches with the
    parent's.
    """
    size = min(config.batch_size, TRAINING_BATCH)
    plan = Plan(
        spec=spec_of_size(config.spec(), size),
        dtype="float64",
        seed=config.first_seed,
        steps=STEPS,
        oracle_steps=STEPS,
        sizes=tuple(sorted({config.batch_size, *config.batch_sizes} - {size})),
        threads=config.thread_count,
        timeout=config.timeout,
        train_count=train_count,
        data_dir=config.data_dir,
        epoch=False,
        tf32=config.tf32,
        deterministic=config.deterministic,
        say=say,
    )
    if config.dtype == "float64":
        return [plan]
    own = dataclasses.replace(plan, dtype=config.dtype, steps=judged_steps(STEPS, config.dtype))
    return [dataclasses.replace(plan, evaluated_images=PROOF_IMAGES), own]
