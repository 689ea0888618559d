"""`python -m tools.tried`: times every form of both frameworks, and writes docs/results/tried.json."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from compare.processes.conditions import Conditions
from compare.records import machine
from compare.records.files import write_json

LAUNCHES = 3
OUT = machine.ROOT / "docs" / "results" / "tried.json"


def main() -> None:
    """Measure every form of both frameworks, and write the record."""
    environment = Conditions().environment()
    forms = []
    for framework in ("tf", "torch"):
        launches = [measure(framework, seed, environment) for seed in range(LAUNCHES)]
        for name, what in descriptions(framework).items():
            forms.append(
                {
                    "framework": framework,
                    "name": name,
                    "what": what,
                    "median_step_seconds": [launch[name] for launch in launches],  # one per launch
                }
            )
    record = {"environment": machine.describe(), "launches": LAUNCHES, "forms": forms}
    write_json(OUT, record)


def measure(framework: str, seed: int, environment: dict[str, str]) -> dict[str, float]:
    """Return the median step of each form in one process, in seconds."""
    command = [sys.executable, "-m", "tools.tried.child", framework, str(seed)]
    done = subprocess.run(
        command, env=environment, cwd=machine.ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(framework, seed, {name: f"{seconds * 1000:.2f} ms" for name, seconds in found.items()}, flush=True)
    return found


def descriptions(framework: str) -> dict[str, str]:
    """Return the forms' names and descriptions, read without an import of the framework."""
    source = Path(__file__).with_name(f"{framework}_forms.py").read_text()
    return {
        ast.literal_eval(node.args[0]): ast.literal_eval(node.args[1])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Form"
    }


if __name__ == "__main__":
    main()
