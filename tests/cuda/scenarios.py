"""Interpreters whose frameworks and NVIDIA driver are stand-ins, for real workers to run under."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.commands import bare_python, site_of

STAND_INS = Path(__file__).parent / "stand_ins"

CARD = ["Stand-in card", [9, 0]]
DRIVER = {"version": 13000, "status": 0, "devices": 1}
TORCH = {"cuda": "13.0", "capabilities": "sm_75 sm_80 sm_90", "cards": [CARD]}
TENSORFLOW = {"cuda": "12.5.1", "capabilities": "sm_60 sm_70 sm_80 compute_90", "cards": [CARD]}


def interpreter(place: Path, **changes: Any) -> Path:
    """Make an environment in `place`: a driver, a torch and a TensorFlow that work, but for the changes.

    driver: fields of DRIVER, or None for no driver at all; torch, tensorflow: fields of theirs.
    """
    working: dict[str, Any] = {"driver": DRIVER, "torch": TORCH, "tensorflow": TENSORFLOW}
    scenario = {
        name: None if name in changes and changes[name] is None else fields | changes.get(name, {})
        for name, fields in working.items()
    }
    python, site = bare_python(place), site_of(place)
    shutil.copytree(STAND_INS, site, dirs_exist_ok=True)
    (site / "scenario.json").write_text(json.dumps(scenario))
    return python
