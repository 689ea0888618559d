"""`python -m tools.correct_pairs [NAME ...]`: checks that correct pairs of networks never fail.

Writes docs/results/correct_pairs.json. Each pair climbs with five seeds, two batch sizes and both dtypes.
Exit 1 if a climb fails.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import msgspec

from compare.command_line import run_entry_point
from compare.data import task_file
from compare.ladder.config import ParityConfig
from compare.records import machine
from compare.records.environment import Environment
from compare.records.files import write_json
from compare.records.task import TaskParity
from compare.task.proof import climb_task, climbing_sides
from tools.network_mistakes import NETWORKS, ROOT

RESULT = ROOT / "docs/results/correct_pairs.json"
PAIRS = ("lenet", "cnn", "gru", "transformer", "branches", "mobilenet")
SEEDS = range(5)
Dtype = Literal["float64", "float32"]
DTYPES: tuple[Dtype, ...] = ("float64", "float32")


class Climbed(msgspec.Struct):
    """One climb. worst: by rung, the largest error as a fraction of its tolerance."""

    network: str
    seed: int
    times: int  # factor of the task's batch size
    dtype: str
    passed: bool
    summary: str
    seconds: float
    worst: dict[str, float] = {}
    code_version: str | None = None


class CorrectPairs(msgspec.Struct):
    """The committed result."""

    environment: Environment
    climbs: list[Climbed]


def main(argv: Sequence[str]) -> int:
    """Climb with all pairs, or with those named by the arguments, whose rows alone are then replaced."""
    cases = product(argv or PAIRS, SEEDS, (1, 2), DTYPES)
    others = [one for one in committed() if argv and one.network not in argv]
    result = CorrectPairs(machine.describe(), [*others])
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        with climbing_sides(ParityConfig(threads=1), directory) as climbing:
            for network, seed, times, dtype in cases:
                task = written(network, times, directory)
                config = ParityConfig(task=task, threads=1, seed=seed, dtype=dtype)
                files = NETWORKS / network / "my_keras.py", NETWORKS / network / "my_torch.py"
                own = task_file.read(task), task
                parity = climb_task(config, own, files, climbing, directory=directory)
                one = Climbed(
                    network,
                    seed,
                    times,
                    dtype,
                    parity.passed,
                    parity.summary,
                    round(parity.seconds, 1),
                    used(parity),
                    result.environment.code_version,
                )
                print(f"{network} × {times}, {dtype}, seed {seed}: {one.summary}", flush=True)
                result.climbs.append(one)
                write_json(RESULT, result)
    found = result.climbs[len(others) :]
    passed = sum(one.passed for one in found)
    print(f"{passed} of {len(found)} climbs pass")
    return 0 if passed == len(found) else 1


def committed() -> list[Climbed]:
    """Return the climbs of the committed result."""
    return msgspec.json.decode(RESULT.read_bytes(), type=CorrectPairs).climbs if RESULT.is_file() else []


def used(parity: TaskParity) -> dict[str, float]:
    """Return, for each rung, the largest error as a fraction of its tolerance."""
    shares = {rung.id: (rung.relative or 0.0) / (rung.tolerance or 1.0) for rung in parity.rungs}
    return {name: share for name, share in shares.items() if share}


def written(network: str, times: int, directory: Path) -> Path:
    """Write the task with a batch size that is `times` as large."""
    text = (NETWORKS / network / "task.py").read_text()
    larger = re.sub(
        r"(standard_normal\(\(|integers\(0, \d+, \(?|batch_size=)(\d+)",
        lambda found: f"{found[1]}{int(found[2]) * times}",
        text,
    )
    path = directory / f"{network}_{times}.py"
    path.write_text(larger)
    return path


if __name__ == "__main__":
    run_entry_point(main)
