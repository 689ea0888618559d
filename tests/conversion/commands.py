"""What the tests of conversion share: weights, and children of their own."""

import subprocess
import sys

import numpy as np

from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from lenet_spec import LeNetSpec
from tests.commands import ROOT

SPEC = LeNetSpec()
NOT_NEEDED = "/bin/false"  # an interpreter that has no framework: a process started with it ends at once


def trained_alike() -> dict[str, np.ndarray]:
    """Return initial weights with biases that are not zero, so that a lost or swapped bias shows."""
    rng = np.random.default_rng(0)
    return {
        name: array if name.endswith("kernel") else rng.normal(0, 0.05, array.shape).astype(np.float32)
        for name, array in initial_weights(SPEC, 3).items()
    }


def child(module: str, *arguments: object) -> str:
    """Return the standard output of a test's own child, in the environment of a worker."""
    environment = Conditions(threads=2).environment()
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
