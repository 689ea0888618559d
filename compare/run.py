"""`python -m compare.run`: trains both frameworks, compares them, and writes a report."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compare.command_line import expand_home, parse, run_entry_point
from compare.errors import NodesLost, Unwritable, typed
from compare.processes.interruption import Terminated

if TYPE_CHECKING:
    from compare.cluster.experiment import ClusterExperiment
    from compare.config import RunConfig
    from compare.experiment.experiment import Experiment
    from compare.experiment.task_experiment import TaskExperiment
    from compare.records.results import Results


def main(argv: Sequence[str]) -> int:
    config = parse_config(argv)
    results = run(config)
    return exit_status(results)


def parse_config(argv: Sequence[str]) -> RunConfig:
    """Return the given options, completed from the preset or from the run to resume.

    Raises UserError if an option differs from the resumed run's.
    """
    from compare.config import PRESETS, RunConfig

    argv = expand_home(argv)
    resume, preset = option_value(argv, "--resume"), option_value(argv, "--preset")
    if resume is not None and "--help" not in argv:
        from compare.experiment.resume import check_options, recorded_config

        config = parse(RunConfig, argv, program="compare.run", default=recorded_config(Path(resume)))
        check_options(config, Path(resume))
        return config
    default = PRESETS[preset] if preset in PRESETS else PRESETS["standard"]
    config = parse(RunConfig, argv, program="compare.run", default=default)
    if config.cluster is not None and "--threads" not in options_in(argv):
        config = dataclasses.replace(config, threads=())  # each node has CPUs of its own
    return config if default == PRESETS["standard"] else without_what_cannot_be(config, argv)


def without_what_cannot_be(config: RunConfig, argv: Sequence[str]) -> RunConfig:
    """Reset options of a preset that other options exclude, unless they were given on the command line."""
    from compare.config_rules import ruled_out

    of_lenet = {"inputs", "inference", "target_accuracy"}
    excluded = of_lenet if config.task is not None else set(ruled_out(config))
    asked = options_in(argv)
    plain = type(config)()
    left_out = {name: getattr(plain, name) for name in excluded if f"--{name.replace('_', '-')}" not in asked}
    return dataclasses.replace(config, **left_out)


def options_in(argv: Sequence[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in argv}


def option_value(argv: Sequence[str], flag: str) -> str | None:
    """Return the value of one option, which decides how the others are parsed; None if it is not given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(flag, nargs="?", dest="value")
    value: str | None = parser.parse_known_args(argv)[0].value
    return value


def run(config: RunConfig) -> Results:
    """Check, train, compare, and write all results to the run's directory. Prints progress.

    Raises UserError, before any training, if the config, the data or a device cannot be used.
    """
    experiment = prepared(config)
    try:
        return experiment.execute()
    except (KeyboardInterrupt, Terminated):
        print(f"interrupted; to continue: {resuming(config, experiment.directory)}", file=sys.stderr)
        raise
    except (Unwritable, NodesLost, OSError, MemoryError) as error:
        error.add_note(f"To continue: {resuming(config, experiment.directory)}")
        raise


def prepared(config: RunConfig) -> Experiment | TaskExperiment | ClusterExperiment:
    """Return the run that the options ask for, checked. Raises UserError if it will not do."""
    if config.cluster is not None:  # Ray is imported only then
        from compare.cluster.experiment import ClusterExperiment

        return ClusterExperiment.prepare(config)
    if config.task is not None:
        from compare.experiment.task_experiment import TaskExperiment

        return TaskExperiment.prepare(config)
    from compare.experiment.experiment import Experiment

    return Experiment.prepare(config)


def resuming(config: RunConfig, directory: Path) -> str:
    cluster = f" --cluster {config.cluster}" if config.cluster else ""
    return f"python -m compare.run --resume {typed(directory)}{cluster}"


def exit_status(results: Results) -> int:
    """Return 0 if every launch is ok and parity holds, else 1."""
    parity_failed = results.parity is not None and not results.parity.passed
    return 1 if parity_failed or any(run.status != "ok" for run in results.runs) else 0


if __name__ == "__main__":
    run_entry_point(main)
