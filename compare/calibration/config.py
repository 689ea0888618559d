"""Defines the options of a calibration on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compare.config import Names


@dataclass(frozen=True)
class CalibrationConfig:
    """Measure the harness itself: how often it reports a false difference, or misses one of 5 %.

    Writes calibration.json under --out. Do not use the machine for anything else while it runs.
    """

    out: Path = Path("runs/calibration")
    """where results go: a new or empty directory"""
    variants: Names = ("torch:eager", "tf:eager")
    """the eager variants that are compared with themselves"""
    trials: int = 10
    """comparisons of each variant with itself"""
    launches: int = 3
    """launches of each side in such a comparison"""
    steps: int = 200
    """training steps of each launch"""
    slowed_trials: int = 1
    """comparisons of each variant with itself slowed by 5 %"""
    slowed_launches: int = 10
    """launches of each side in such a comparison: as many as in the rigorous preset"""
    tf_python: Path | None = None
    """the interpreter that has TensorFlow; default: this command's own"""
    torch_python: Path | None = None
    """the interpreter that has PyTorch; default: this command's own"""
