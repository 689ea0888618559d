"""Reads files as a worker does, one after the other in one process, and prints what came of each as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np

from compare.errors import UserError
from compare.worker.checkpoint import read


def report(module: ModuleType, files: dict[str, Path], weights: dict[str, np.ndarray]) -> None:
    """For each file the message of its refusal, "same" for equal weights, or "other"."""
    outcomes = {}
    for case, path in files.items():
        try:
            found = read(module, path)
        except UserError as error:
            outcomes[case] = str(error)
        else:
            same = all(found[name].tobytes() == weights[name].tobytes() for name in weights)
            outcomes[case] = "same" if same else "other"
    print(json.dumps(outcomes))
