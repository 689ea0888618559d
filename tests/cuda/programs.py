"""Programs that import a framework, for tests, which do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.commands import ROOT


def printed(program: str, *options: str, package: str) -> dict[str, Any]:
    """Return the JSON that `tests.cuda.PROGRAM` prints; skip the test if its framework is not installed."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.cuda.{program}", *options],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if f"No module named '{package}'" in done.stderr:
        pytest.skip(f"{package} is not installed")
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
