"""`python -m tests.reliability.soak RUN_DIR`: whether a long run stayed as it began.

    python -m compare.run --seeds 1 --steps 20000 --out RUN_DIR

For each launch: memory from step 1,000 on flat within 2 %, and no trend of the step time beyond what its own
spread explains, both as the report's warnings judge it; the results file whole and readable. Writes
docs/results/soak.json, a summary, since the run's raw samples are megabytes.
"""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from compare.results import Run, read_results, write_atomically
from compare.statistics.summaries import warnings_for
from tests.faults.commands import ROOT

OUT = ROOT / "docs" / "results" / "soak.json"
SETTLED_STEPS = 1000
MOST_GROWTH = 0.02


def main(directory: Path) -> int:
    results = read_results(directory)
    record = {
        "environment": {name: results.environment[name] for name in ("cpu", "cpus_usable", "code_version")},
        "steps": results.config["steps"],
        "launches": [summary(run) for run in results.runs],
    }
    write_atomically(OUT, (json.dumps(record, indent=1) + "\n").encode())
    print(json.dumps(record["launches"], indent=1))
    return 0 if all(launch["passed"] for launch in record["launches"]) else 1


def summary(run: Run) -> dict[str, Any]:
    ends = list(accumulate(run.block_sizes))
    settled = [rss for end, rss in zip(ends, run.rss_bytes, strict=True) if end >= SETTLED_STEPS]
    growth = max(settled) / settled[0] - 1 if settled else None
    timed = run.timed_seconds
    tenth = max(1, len(timed) // 10)
    trends = [caution.sentence for caution in warnings_for(run.label, [timed]) if caution.kind == "trend"]
    return {
        "label": run.label,
        "status": run.status,
        "steps": len(run.losses),
        "largest_memory_growth": growth,
        "first_tenth_median_seconds": median(timed[:tenth]),
        "last_tenth_median_seconds": median(timed[-tenth:]),
        "trend": trends,
        "passed": run.status == "ok" and growth is not None and growth <= MOST_GROWTH and not trends,
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
