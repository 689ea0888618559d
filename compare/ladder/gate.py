"""The ladder before a run: nothing is timed unless the variants compute the same function."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from compare.config import ALL, Entrant, RunConfig
from compare.data.batches import TrainingImages
from compare.errors import UserError
from compare.ladder.config import entrant_ports
from compare.ladder.ladder import Ladder
from compare.ladder.plan import Plan
from compare.ladder.rungs import RUNGS
from compare.ladder.verdicts import summary
from compare.records.parity import Climb, Gate
from compare.variants import VARIANTS

STEPS = 20
ORACLE_STEPS = 3
LARGEST_BATCH = 128  # a larger one proves no more and costs more


def gate(
    config: RunConfig,
    entrants: Sequence[Entrant],
    dataset: TrainingImages,
    directory: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Gate:
    """Climbs in float64 with the run's spec and first seed; logs go to `directory`/parity.

    The first entrant is held against each other one, and all against the oracle; a framework that is not
    there is left out, so that the other's results stand. Raises UserError if no interpreter can be run.
    """
    logs = directory / "parity"
    logs.mkdir(parents=True, exist_ok=True)
    plan = gate_plan(config, len(dataset.train_labels), say)
    ladder = Ladder([plan], dataset, {"tf": config.tf_python, "torch": config.torch_python}, logs)
    climbs = ladder.climb(entrant_ports(entrants))
    if all(ladder.unusable.get(label) for label in ladder.left_out) and not climbs:
        reasons = {label.partition(":")[0]: reason for label, reason in ladder.left_out.items()}
        raise UserError("\n".join(reasons.values()))
    found = gate_of(climbs, ladder.left_out, about_arithmetic(config.dtype, ",".join(config.variants)))
    found.dtype, found.steps, found.oracle_steps = plan.dtype, plan.steps, plan.oracle_steps
    # results are for sharing: a log is named by its place in the run's directory
    return msgspec.convert(without(msgspec.to_builtins(found), f"{directory}{os.sep}"), Gate)


def about_arithmetic(dtype: str, variants: str) -> list[str]:
    """Return what a climb in float64 leaves open of a run in bfloat16, and the variants without bfloat16.

    variants: as results.json records them.
    """
    if dtype != "bfloat16":
        return []
    notes = ["of the same network; bfloat16 itself is not judged"]
    missing = [variant.name for variant in VARIANTS if not variant.takes(dtype)]
    if variants == ",".join(ALL) and missing:
        notes.append(f"left out, without a form in bfloat16: {', '.join(missing)}")
    return notes


def gate_of(climbs: Sequence[Climb], left_out: Mapping[str, str], notes: Sequence[str]) -> Gate:
    """Return the verdict of climbs. notes: what the summary says besides."""
    failed = [climb for climb in climbs if climb.height < len(RUNGS)]
    shown = next(iter([*failed, *climbs]), None)
    return Gate(
        passed=bool(climbs) and not failed,
        summary=" · ".join([summary(climbs, left_out), *notes]),
        rungs=shown.rungs if shown else [],
        climbs=list(climbs),
        left_out=dict(left_out),
    )


def without(value: Any, text: str) -> Any:
    """Plain values, with a text left out of every string in them."""
    if isinstance(value, str):
        return value.replace(text, "")
    if isinstance(value, dict):
        return {key: without(one, text) for key, one in value.items()}
    return [without(one, text) for one in value] if isinstance(value, list) else value


def gate_plan(config: RunConfig, train_count: int, say: Callable[[str], None]) -> Plan:
    spec = config.spec()
    size = min(config.batch_size, LARGEST_BATCH)
    return Plan(
        spec=dataclasses.replace(spec, training=dataclasses.replace(spec.training, batch_size=size)),
        dtype="float64",
        seed=config.first_seed,
        steps=STEPS,
        oracle_steps=ORACLE_STEPS,
        threads=config.thread_count,
        timeout=config.timeout,
        train_count=train_count,
        data_dir=config.data_dir,
        tf32=config.tf32,
        deterministic=config.deterministic,
        say=say,
    )
