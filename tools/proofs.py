"""`python -m tools.proofs`: runs the tests marked `proof`, which take too long for the test command.

Writes docs/results/proofs.json: how each test ended, and its seconds. Exit 1 if one failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from compare.records import machine
from compare.records.files import write_json

OUT = machine.ROOT / "docs" / "results" / "proofs.json"


def main() -> int:
    """Run the tests in two processes, and keep pytest's result of each."""
    options = ["-m", "proof", "--numprocesses", "2", "--dist", "loadfile"]
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--junitxml={report}"], cwd=machine.ROOT, check=False
        )
        if not report.exists():
            return done.returncode
        tests = [outcome(case) for case in ET.parse(report).iter("testcase")]  # noqa: S314  (pytest's)
    tests.sort(key=lambda one: str(one["test"]))
    write_json(OUT, {"environment": machine.describe(), "tests": tests})
    return done.returncode


def outcome(case: ET.Element) -> dict[str, Any]:
    """Return a test's name, how it ended, and how long it took, including its set-up."""
    ended = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
    module = case.get("classname", "").replace(".", "/")
    return {"test": f"{module}.py::{case.get('name')}", "ended": ended, "seconds": float(case.get("time", 0))}


if __name__ == "__main__":
    sys.exit(main())
