"""`python -m tools.kills`: kills runs with SIGKILL at random moments, and resumes each of them.

It kills twenty runs with stand-in workers and three with the real frameworks. Each must end as an
uninterrupted run, to the last bit of every loss, and leave no process and no temporary file. Writes
docs/results/kills.json.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from compare.records import machine
from compare.records.files import write_json
from tests.commands import ROOT, results_of
from tests.reliability.small_runs import Place, half_written, kill_at, moments, outcome, workers_left

KILLS = {"stand-ins": 20, "real frameworks": 3}
OUT = ROOT / "docs" / "results" / "kills.json"


def main() -> int:
    """Kill runs with stand-in workers and with real frameworks, and write how each one ended."""
    record: dict[str, Any] = {"environment": machine.describe(), "kills": []}
    with tempfile.TemporaryDirectory() as name:
        for workers, count in KILLS.items():
            directory = Path(name) / workers
            place = Place.create(directory) if workers == "stand-ins" else Place.real(directory)
            record["kills"] += [{"workers": workers} | kill for kill in kills(place, directory, count)]
    write_json(OUT, record)
    wrong = [kill for kill in record["kills"] if kill["wrong"]]
    print(f"{len(record['kills']) - len(wrong)} of {len(record['kills'])} ended as the unbroken run")
    return 1 if wrong else 0


def kills(place: Place, directory: Path, count: int) -> list[dict[str, Any]]:
    """Return the results of `count` kills, at moments spread over a run."""
    start = time.monotonic()
    done = place.run(directory / "unbroken")
    seconds = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    expected = outcome(directory / "unbroken")
    found = []
    for number, moment in enumerate(moments(count, seconds, seed=count)):
        found.append(one(place, directory / f"run-{number}", moment, expected))
        print(found[-1], flush=True)
    return found


def one(place: Place, out: Path, moment_seconds: float, expected: dict[Any, Any]) -> dict[str, Any]:
    """Return what a kill left, and what was wrong with the end of the resumed run; empty if it was right."""
    killed = kill_at(place, out, moment_seconds)
    wrong = [f"a process lives on: {line}" for line in workers_left(place.temporary)]
    begun = (out / "results.json").exists()
    kept = sum(run["ended"] for run in results_of(out)["runs"]) if begun else 0
    done = place.resume(out) if begun else place.run(out.with_name(f"{out.name}-anew"))
    end = out if begun else out.with_name(f"{out.name}-anew")
    if done.returncode != 0:
        wrong.append(done.stdout + done.stderr)
    elif outcome(end) != expected:
        wrong.append("its losses or accuracies are not those of the unbroken run")
    wrong += [f"half a file: {name}" for name in half_written(end)]
    wrong += [f"left behind: {path.name}" for path in place.temporary.iterdir()]
    return {
        "moment_seconds": round(moment_seconds, 2),
        "killed": killed,
        "had_begun": begun,
        "launches_kept": kept,
        "wrong": wrong,
    }


if __name__ == "__main__":
    sys.exit(main())
