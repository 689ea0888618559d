"""`python -m tools.gates`: climbs every variant's gate, with several seeds and batch sizes. All must pass.

Writes docs/results/gates.json: each gate's verdict and seconds, and for each group of arrays the largest
error and the tolerance. An interrupted run continues: a gate that the same code has passed is not climbed
again. Exit 1 if a gate fails.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from compare.command_line import parse
from compare.config import ALL, Names, RunConfig, WholeNumbers, entrants
from compare.data import mnist
from compare.dtypes import Dtype
from compare.experiment.resume import FACTS
from compare.ladder.gate import gate
from compare.records import machine
from compare.records.files import write_json
from compare.records.parity import Climb

OUT = machine.ROOT / "docs" / "results" / "gates.json"
Largest = dict[tuple[str, str], dict[str, Any]]  # by dtype and group


@dataclass(frozen=True)
class GatesConfig:
    """Climb the gate with correct implementations, which must pass it."""

    variants: Names = ALL
    """which variants"""
    seeds: int = 5
    """seeds 0, 1, ..."""
    batch_sizes: WholeNumbers = (1, 8, 128, 512)
    """batch sizes of the runs"""
    dtype: Dtype = "float32"
    """dtype of the runs"""
    out: Path = OUT
    """the file to write"""


def main() -> int:
    """Climb one gate for each seed and batch size, and write the record after each."""
    config = parse(GatesConfig, sys.argv[1:], program="tools.gates")
    dataset = mnist.load()
    what = {
        "environment": to_builtins(machine.describe()),
        "variants": ",".join(config.variants),
        "dtype": config.dtype,
    }
    gates, largest = found_before(config.out, what)
    passed = {(one["seed"], one["batch_size"]) for one in gates}
    for seed, size in product(range(config.seeds), config.batch_sizes):
        if (seed, size) in passed:
            continue
        run = RunConfig(variants=config.variants, dtype=config.dtype, first_seed=seed, batch_size=size)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            climbed = gate(run, entrants(run), dataset, Path(directory))
        seconds = round(time.perf_counter() - start, 1)
        verdict = {"passed": climbed.passed, "summary": climbed.summary}
        gates.append({"seed": seed, "batch_size": size, "seconds": seconds} | verdict)
        note_largest(climbed.climbs, largest)
        groups = [largest[key] for key in sorted(largest)]
        write_json(config.out, what | {"gates": gates, "groups": groups})
        print(gates[-1], flush=True)
    return 0 if all(one["passed"] for one in gates) else 1


def found_before(out: Path, what: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Largest]:
    """Return the gates passed before and their largest errors, if `what` is unchanged; else nothing.

    Also return nothing if files differ from their commit, or the commit is unknown: the code may differ.
    """
    code = what["environment"]["code_version"]
    before = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if (
        not before
        or "+)" in code
        or machine.UNKNOWN_COMMIT in code
        or any(before.get(name) != what[name] for name in ("variants", "dtype"))
        or any(before["environment"].get(fact) != what["environment"][fact] for fact in FACTS)
    ):
        return [], {}
    largest = {(one["dtype"], one["group"]): one for one in before["groups"]}
    return [one for one in before["gates"] if one["passed"]], largest


def note_largest(climbs: Sequence[Climb], largest: Largest) -> None:
    """Keep, for each dtype and group, the largest error relative to the oracle."""
    for climb in climbs:
        for one in (one for rung in climb.rungs for one in rung.differences if one.right == "oracle"):
            known = largest.get((climb.dtype, one.group))
            if one.relative is not None and (known is None or one.relative > known["relative"]):
                largest[climb.dtype, one.group] = {
                    "dtype": climb.dtype,
                    "group": one.group,
                    "relative": one.relative,
                    "tolerance": one.tolerance,
                    "tensor": one.tensor,
                    "variant": one.left,
                }


if __name__ == "__main__":
    sys.exit(main())
