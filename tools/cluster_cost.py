"""`python -m tools.cluster_cost`: what `--cluster local` costs a step. Takes about half an hour.

Runs with and without the engine alternate, and each pair has the opposite order of the last. The runs are
short, because the speed of a machine drifts from minute to minute. Writes docs/results/cluster.json: for each
label, the paired ratio of step times with and without the engine, with its interval; and the verdict of a run
with the engine that compares a variant with itself.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from compare.records import machine
from compare.records.files import write_json
from compare.records.foreign import read_results
from compare.records.results import Results
from compare.statistics.intervals import ratio_interval

OUT = machine.ROOT / "docs" / "results" / "cluster.json"
PAIRS = 20
OPTIONS = ("--preset", "quick")
SAME_OPTIONS = ("--seeds", "5", "--steps", "300", "--variants", "torch:eager,torch:eager")
CLUSTER = ("--cluster", "local")


def main() -> int:
    """Measure, and write."""
    seconds: dict[str, tuple[list[float], list[float]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for pair in range(PAIRS):
            for with_engine in (bool(pair % 2), not pair % 2):
                out = Path(directory) / f"{pair}-{with_engine}"
                engine = CLUSTER if with_engine else ()
                for run in measured([*OPTIONS, "--first-seed", str(pair), *engine], out).runs:
                    seconds.setdefault(run.label, ([], []))[with_engine].append(median(run.timed_seconds))
        same = measured([*SAME_OPTIONS, *CLUSTER], Path(directory) / "same")
    record: dict[str, Any] = {
        "environment": machine.describe(),
        "pairs": PAIRS,
        "with_engine_over_without": {label: compared(*both) for label, both in seconds.items()},
        "same_variant_with_engine": [
            one.sentence for one in same.comparisons if one.metric == "step_seconds"
        ],
    }
    write_json(OUT, record)
    return 0


def measured(options: Sequence[str], out: Path) -> Results:
    """Return what a run with these options found. Raises CalledProcessError if it did not end well."""
    subprocess.run([sys.executable, "-m", "compare.run", *options, "--out", str(out)], check=True)
    return read_results(out)


def compared(without: Sequence[float], with_engine: Sequence[float]) -> dict[str, Any]:
    """Return the ratio with its 95 % interval, and the medians that it is made of."""
    return {
        "ratio": msgspec.to_builtins(ratio_interval(with_engine, without)),
        "with_engine_seconds": list(with_engine),
        "without_seconds": list(without),
    }


if __name__ == "__main__":
    sys.exit(main())
