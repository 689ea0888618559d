"""Runs the trials. Each is an ordinary run of the harness, with the same variant on both sides."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console

from compare.calibration.config import CalibrationConfig
from compare.calibration.slowing import Slowed
from compare.config import Entrant, RunConfig
from compare.config_rules import BOUNDS, check, check_bounds
from compare.data import mnist
from compare.errors import UserError
from compare.experiment.training import train_seed
from compare.numbers import format_duration
from compare.records import machine
from compare.records.calibration import Calibration, Trial, write
from compare.records.results import Launch
from compare.records.run_directory import new_directory
from compare.statistics.intervals import ratio_interval
from compare.statistics.verdicts import ratio_verdict
from compare.variants import VARIANTS_BY_NAME, Variant


class Silent:
    """A `training.Progress` that shows nothing, because each trial prints a line."""

    def starting(self, labels: list[str], seed: int) -> None: ...
    def trained(self, label: str, steps: int, seconds: float) -> None: ...
    def ended(self, run: Launch, steps_not_done: int) -> None: ...


def calibrate(config: CalibrationConfig, console: Console | None = None) -> Calibration:
    """Run all trials and write them. Raises UserError for a bad option or directory, or if a launch fails."""
    console = console or Console(highlight=False)
    for name in config.variants:
        if name not in VARIANTS_BY_NAME or VARIANTS_BY_NAME[name].variant != "eager":
            raise UserError(f"--variants: {name!r} cannot be calibrated. Use torch:eager, tf:eager or both.")
    for flag, launches in (("--launches", config.launches), ("--slowed-launches", config.slowed_launches)):
        check_bounds(flag, launches, 2, BOUNDS["seeds"][1])  # an interval needs two launches
    dataset = mnist.load()
    calibration = Calibration(environment=machine.describe())
    with new_directory(config.out) as place:
        for number, (variant, slowdown) in enumerate(plan(config)):
            started = time.monotonic()
            launches = config.slowed_launches if slowdown else config.launches
            # if a later launch fails, the earlier trials are kept
            with place.refusable() if number == 0 else contextlib.nullcontext():
                run_config = trial_config(config, launches, first_seed=100 * number)
                runs = train(run_config, variant, slowdown, dataset, place.path)
            calibration.trials.append(judged(variant, slowdown, run_config, runs))
            calibration.versions |= runs[0].versions
            write(calibration, place.path)
            say(console, calibration.trials[-1], number, config, time.monotonic() - started)
    console.print(summary(calibration), markup=False)
    return calibration


def plan(config: CalibrationConfig) -> list[tuple[Variant, float]]:
    """Return the trials in order. The variants take turns."""
    variants = [VARIANTS_BY_NAME[name] for name in config.variants]
    trials = [(variant, 0.0) for _ in range(config.trials) for variant in variants]
    return trials + [(variant, Slowed.share) for _ in range(config.slowed_trials) for variant in variants]


def trial_config(config: CalibrationConfig, launches: int, first_seed: int) -> RunConfig:
    run_config = RunConfig(
        steps=config.steps,
        seeds=launches,
        first_seed=first_seed,
        tf_python=config.tf_python,
        torch_python=config.torch_python,
    )
    check(run_config)
    return run_config


def train(
    config: RunConfig, variant: Variant, slowdown: float, dataset: mnist.Dataset, directory: Path
) -> list[Launch]:
    """Return the launches of both sides, interleaved as in an ordinary run."""
    second = variant
    if slowdown:
        module = f"compare.calibration.slowed_{variant.framework}"
        second = dataclasses.replace(variant, module=module, trainer="Trainer")
    sides = [Entrant(variant, "cpu", variant.name), Entrant(second, "cpu", f"{variant.name}#2")]
    runs: list[Launch] = []
    for seed in config.seed_range():
        runs += train_seed(
            config, sides, seed, dataset, directory, progress=Silent(), save=lambda _: None, complete=False
        )
        for path in directory.glob("*.safetensors"):  # weights are not a result here
            path.unlink()
    for run in runs:
        if run.status != "ok":
            raise UserError(f"{run.label}, seed {run.seed}, {run.status}: {run.reason}")
    return runs


def judged(variant: Variant, slowdown: float, config: RunConfig, runs: Sequence[Launch]) -> Trial:
    medians = {
        label: [median(run.timed_seconds) for run in runs if run.label == label]
        for label in (variant.name, f"{variant.name}#2")
    }
    baseline, other = medians.values()
    verdict = ratio_verdict(ratio_interval(other, baseline), other="the second", baseline="the first")
    return Trial(
        variant=variant.name,
        slowdown=slowdown,
        launches=config.seeds,
        steps=config.steps,
        baseline_medians=baseline,
        other_medians=other,
        estimate=verdict.interval.estimate,
        low=verdict.interval.low,
        high=verdict.interval.high,
        kind=verdict.kind,
        words=verdict.words,
    )


def say(console: Console, trial: Trial, number: int, config: CalibrationConfig, seconds: float) -> None:
    against = f"itself slowed by {trial.slowdown:.0%}" if trial.slowdown else "itself"
    left = len(plan(config)) - number - 1
    console.print(
        f"{trial.variant} against {against}: {trial.estimate:.3f}× [{trial.low:.3f}, {trial.high:.3f}], "
        f"{trial.words} ({format_duration(seconds)}; {left} to go)",
        markup=False,
        soft_wrap=True,
    )


def summary(calibration: Calibration) -> str:
    same = calibration.self_comparisons()
    quiet = sum(trial.kind == "no_difference" for trial in same)
    slowed = calibration.slowed()
    found = sum(trial.kind == "slower" for trial in slowed)
    return (
        f"{quiet} of {len(same)} self-comparisons say no difference; "
        f"{found} of {len(slowed)} slowdowns are found"
    )
