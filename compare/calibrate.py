"""`python -m compare.calibrate`: a variant against itself, and against itself slowed by 5 %, many times."""

from __future__ import annotations

from collections.abc import Sequence

from compare.command_line import parse, run_entry_point


def main(argv: Sequence[str]) -> int:
    """0: at least 19 of 20 self-comparisons say "no difference", and every slowdown is found; else 1."""
    from compare.calibration.config import CalibrationConfig

    config = parse(CalibrationConfig, argv, program="compare.calibrate")
    from compare.calibration.trials import calibrate

    return 0 if calibrate(config).passed else 1


if __name__ == "__main__":
    run_entry_point(main)
