"""`python -m tools.gates`: every variant's own gate, over seeds and batch sizes. No alarm may be false.

Writes docs/results/gates.json: of each gate its verdict and its seconds, and of each group of arrays the
largest error that was met, beside the tolerance. Exit 1 if a gate fails.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare.command_line import parse
from compare.config import ALL, Names, RunConfig, WholeNumbers, entrants
from compare.data import mnist
from compare.dtypes import Dtype
from compare.ladder.gate import gate
from compare.records import machine
from compare.records.files import write_json
from compare.records.parity import Climb, Difference

OUT = machine.ROOT / "docs" / "results" / "gates.json"


@dataclass(frozen=True)
class GatesConfig:
    """Climb the gate with right implementations, which must pass it."""

    variants: Names = ALL
    """which variants"""
    seeds: int = 5
    """seeds 0, 1, ..."""
    batch_sizes: WholeNumbers = (1, 8, 128, 512)
    """batch sizes of the runs that the gates are for"""
    dtype: Dtype = "float32"
    """of the runs"""
    out: Path = OUT
    """the file to write"""


def main() -> int:
    """Climb one gate for each seed and batch size, and write what was met."""
    config = parse(GatesConfig, sys.argv[1:], program="tools.gates")
    dataset = mnist.load()
    found: list[dict[str, Any]] = []
    largest: dict[tuple[str, str], Difference] = {}
    for seed in range(config.seeds):
        for size in config.batch_sizes:
            run = RunConfig(variants=config.variants, dtype=config.dtype, first_seed=seed, batch_size=size)
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as directory:
                climbed = gate(run, entrants(run), dataset, Path(directory))
            found.append(
                {
                    "seed": seed,
                    "batch_size": size,
                    "seconds": round(time.perf_counter() - start, 1),
                    "passed": climbed.passed,
                    "summary": climbed.summary,
                }
            )
            note_largest(climbed.climbs, largest)
            print(found[-1], flush=True)
    groups = [{"dtype": dtype} | as_record(one) for (dtype, _), one in sorted(largest.items())]
    write_json(
        config.out,
        {"environment": machine.describe(), "dtype": config.dtype, "gates": found, "groups": groups},
    )
    return 0 if all(one["passed"] for one in found) else 1


def note_largest(climbs: Sequence[Climb], largest: dict[tuple[str, str], Difference]) -> None:
    """Keep, of each dtype and group, the largest error from the oracle."""
    for climb in climbs:
        for one in (one for rung in climb.rungs for one in rung.differences if one.right == "oracle"):
            known = largest.get((climb.dtype, one.group))
            if one.relative is not None and (known is None or one.relative > (known.relative or 0.0)):
                largest[climb.dtype, one.group] = one


def as_record(one: Difference) -> dict[str, Any]:
    """Return where a group was furthest from the oracle."""
    return {
        "group": one.group,
        "relative": one.relative,
        "tolerance": one.tolerance,
        "tensor": one.tensor,
        "variant": one.left,
    }


if __name__ == "__main__":
    sys.exit(main())
