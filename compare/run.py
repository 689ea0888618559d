"""`python -m compare.run`: train both, compare, report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compare.command_line import parse, run_entry_point

if TYPE_CHECKING:
    from compare.config import RunConfig
    from compare.results import Results


def main(argv: Sequence[str]) -> int:
    config = parse_config(argv)
    results = run(config)
    return exit_status(results)


def parse_config(argv: Sequence[str]) -> RunConfig:
    """The preset's values, with the options given in their place."""
    from compare.config import PRESETS, RunConfig

    preset = "standard"
    for number, argument in enumerate(argv):
        name, _, value = argument.partition("=")
        if name == "--preset":
            preset = value or (argv[number + 1] if number + 1 < len(argv) else "")
    default = PRESETS[preset] if preset in PRESETS else PRESETS["standard"]
    return parse(RunConfig, argv, program="compare.run", default=default)


def run(config: RunConfig) -> Results:
    """Checks, trains, compares, and writes everything under the run's directory; prints as it goes.

    Raises UserError before anything is trained where the config, the data or a device will not do.
    """
    from compare.experiment import Experiment

    return Experiment.prepare(config).execute()


def exit_status(results: Results) -> int:
    """0: every launch is ok and parity holds; 1: not so."""
    parity_failed = results.parity is not None and not results.parity["passed"]
    return 1 if parity_failed or any(run.status != "ok" for run in results.runs) else 0


if __name__ == "__main__":
    run_entry_point(main)
