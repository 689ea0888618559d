"""`python -m tools.walkthrough`: runs the conversions that docs/checkpoints.md shows.

Trains PyTorch's eager variant once, then converts its weights from file to file.
Writes docs/results/conversions.json.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from compare.records import machine
from compare.records.files import write_json
from tests.commands import ROOT, command

OUT = ROOT / "docs" / "results" / "conversions.json"
TRAINED = "runs/first/torch-eager-cpu-seed0.safetensors"
TRAINING = ("--variants", "torch:eager", "--preset", "quick", "--out", "runs/first")
CONVERSIONS = (  # source, target, exit status
    (TRAINED, "lenet.pt", 0),
    ("lenet.pt", "lenet.keras", 0),
    ("lenet.keras", "back.pt", 0),
    ("lenet.pt", "lenet.keras", 2),
)


def main() -> int:
    """Run the conversions that docs/checkpoints.md shows, and write the output of each."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        trained = command(*TRAINING, cwd=place, env=env)
        if trained.returncode != 0:
            sys.exit(trained.stdout + trained.stderr)
        shown = []
        for source, target, status in CONVERSIONS:
            done = command(source, target, module="compare.convert", cwd=place, env=env)
            if done.returncode != status:
                sys.exit(f"{source} to {target}: exit {done.returncode}\n{done.stdout}{done.stderr}")
            shown.append({"source": source, "target": target, "output": done.stdout + done.stderr})
    record = {"environment": machine.describe(), "conversions": shown}
    write_json(OUT, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
