"""`python -m tools.proofs [TEST ...]`: runs the tests marked `proof`, which the test command leaves out.

Writes docs/results/proofs.json: how each test ended, on which code, and its seconds. TEST is a name that
pytest takes: only the results of these tests are replaced. Exit 1 if one failed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from compare.records import machine
from compare.records.files import write_json

OUT = machine.ROOT / "docs" / "results" / "proofs.json"


def main(names: Sequence[str]) -> int:
    """Run the tests in two processes, and keep pytest's result of each."""
    options = ["-m", "proof", "--numprocesses", "2", "--dist", "loadfile", *names]
    environment = machine.describe()
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--junitxml={report}"], cwd=machine.ROOT, check=False
        )
        if not report.exists():
            return done.returncode
        tests = [outcome(case) for case in ET.parse(report).iter("testcase")]  # noqa: S314  (pytest's)
    found = {one["test"]: one | {"code_version": environment.code_version} for one in tests}
    kept = {one["test"]: one for one in json.loads(OUT.read_text())["tests"]} if names else {}
    record = {"environment": environment, "tests": [one for _, one in sorted((kept | found).items())]}
    write_json(OUT, record)
    return done.returncode


def outcome(case: ET.Element) -> dict[str, Any]:
    """Return a test's name, how it ended, and how long it took, including its set-up."""
    ended = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
    module = case.get("classname", "").replace(".", "/")
    return {"test": f"{module}.py::{case.get('name')}", "ended": ended, "seconds": float(case.get("time", 0))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
