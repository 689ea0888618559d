"""`python -m compare.calibrate`: compares a variant with itself and with a slower copy, many times."""

from __future__ import annotations

from collections.abc import Sequence

from compare.command_line import parse, run_entry_point


def main(argv: Sequence[str]) -> int:
    """Return 0 if at least 95 % of self-comparisons find no difference and each slowdown is found; else 1."""
    from compare.calibration.config import CalibrationConfig

    config = parse(CalibrationConfig, argv, program="compare.calibrate")
    from compare.calibration.trials import calibrate

    return 0 if calibrate(config).passed else 1


if __name__ == "__main__":
    run_entry_point(main)
