"""`python -m tools.soak RUN_DIR`: checks that a long run did not change from start to end.

    python -m compare.run --seeds 1 --steps 20000 --out RUN_DIR

A launch passes if it finished, its memory after step 1,000 grew by at most 2 %, and its step got at most 5 %
slower from the first tenth to the last. The step is judged both by its own time and as a ratio to the other
launches. These trained in turn with it, so a drift of the machine changes all times but not the ratio. A leak
in one launch changes both. Writes docs/results/soak.json, a summary, since the raw samples are megabytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from compare.records.files import write_json
from compare.records.foreign import read_results
from compare.records.results import Launch
from tests.commands import ROOT

OUT = ROOT / "docs" / "results" / "soak.json"
SETTLED_STEPS = 1000
MOST_MEMORY_GROWTH = 0.02
MOST_SLOWING = 0.05


def main(directory: Path) -> int:
    """Write a verdict on each launch of a run; return the exit status."""
    results = read_results(directory)
    try:
        launches = summaries(results.runs)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    record = {
        "environment": {
            name: getattr(results.environment, name) for name in ("cpu", "cpus_usable", "code_version")
        },
        "steps": results.config.steps,
        "launches": launches,
    }
    write_json(OUT, record)
    print(json.dumps(launches, indent=1))
    return 0 if all(launch["passed"] for launch in launches) else 1


def summaries(runs: Sequence[Launch]) -> list[dict[str, Any]]:
    """Return a summary of each launch. Raises ValueError if one did not end well or has too few steps."""
    for run in runs:
        if run.status != "ok":
            raise ValueError(f"{run.label}: {run.status}: {run.reason}")
    medians = [medians_of_tenths(run) for run in runs]
    slowing = [tenths[-1] / tenths[0] for tenths in medians]
    made = []
    for index, run in enumerate(runs):
        others = slowing[:index] + slowing[index + 1 :]
        to_others = slowing[index] / geometric_mean(others) if others else None
        growth = memory_growth(run)
        made.append(
            {
                "label": run.label,
                "status": run.status,
                "steps": len(run.losses),
                "memory_growth": growth,
                "median_seconds_by_tenth": medians[index],
                "slowing": slowing[index] - 1,
                "slowing_to_others": None if to_others is None else to_others - 1,
                "passed": growth <= MOST_MEMORY_GROWTH
                and slowing[index] - 1 <= MOST_SLOWING
                and (to_others is None or abs(to_others - 1) <= MOST_SLOWING),
            }
        )
    return made


def medians_of_tenths(run: Launch) -> list[float]:
    """Return [10] seconds: the median step of each tenth of a launch, without warm-up and remainder."""
    timed = run.timed_seconds
    size = len(timed) // 10
    if size == 0:
        raise ValueError(f"{run.label}: {len(timed)} timed steps have no tenths; a soak takes thousands")
    return [median(timed[start : start + size]) for start in range(0, 10 * size, size)]


def memory_growth(run: Launch) -> float:
    """Return by which fraction the largest resident size after step 1,000 exceeds the first one."""
    ends = accumulate(run.block_sizes)
    settled = [size for end, size in zip(ends, run.rss_bytes, strict=True) if end >= SETTLED_STEPS]
    if not settled:
        raise ValueError(f"{run.label}: it ended before step {SETTLED_STEPS:,}; a soak takes thousands")
    return max(settled) / settled[0] - 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
