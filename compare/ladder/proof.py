"""Runs `compare.parity`, from options to a verdict on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from compare import own_code
from compare.config import ALL, recorded_options
from compare.data import mnist
from compare.data.known_sets import set_name
from compare.errors import UserError
from compare.ladder import noise_floor
from compare.ladder.climber import NotOnTheLadder
from compare.ladder.config import ParityConfig, checked, modules, plans, ports
from compare.ladder.ladder import Ladder
from compare.ladder.plan import Plan, Port
from compare.ladder.verdicts import reason_line, summary
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.records import machine
from compare.records.files import write_json
from compare.records.parity import FILE_NAME, NoiseFloor, Options, Parity
from compare.records.privacy import without_paths
from compare.records.run_directory import RunDirectory, new_directory


def prepare(config: ParityConfig) -> tuple[mnist.Dataset, RunDirectory]:
    """Return the data and the directory. Raises UserError if these, or the options, are unusable."""
    checked(config)
    dataset = mnist.load(config.data_dir, config.run_config().spec())
    return dataset, new_directory(config.out, prefix="parity-")


def prove(
    config: ParityConfig, dataset: mnist.Dataset, directory: Path, say: Callable[[str], None]
) -> Parity:
    """Climb, measure the noise floor if the options say so, and write parity.json.

    Raises UserError if a port cannot climb at all.
    """
    steps = plans(config, len(dataset.train_labels), say)
    climbers = ports(config)
    ladder = Ladder(steps, dataset, config.pythons(), directory)
    climbs = ladder.climb(climbers)
    if ladder.left_out and (config.variants != ALL or modules(config) or not climbs):
        raise UserError(left_out_error(ladder.left_out))
    floor = measured_floor(config, steps[0], dataset, climbers, directory) if config.noise_floor else None
    parity = Parity(
        config=options_record(config, dataset),
        environment=machine.describe(),
        versions=ladder.versions,
        climbs=climbs,
        noise_floor=floor,
        left_out=ladder.left_out,
        passed=all(climb.passed for climb in climbs) and (floor is None or floor.passed),
        summary=summary(climbs, ladder.left_out),
    )
    write_json(directory / FILE_NAME, without_paths(msgspec.to_builtins(parity)))
    return parity


def left_out_error(left_out: dict[str, str]) -> str:
    reasons = [reason_line(label, reason) for label, reason in left_out.items()]
    action = "Mend that, or name another device, interpreter (--tf-python, --torch-python) or module."
    if len(reasons) == 1:
        return f"the ladder cannot be climbed: {reasons[0]}\n{action}"
    return "\n".join(["the ladder cannot be climbed with all variants:", *reasons, action])


def measured_floor(
    config: ParityConfig, plan: Plan, dataset: mnist.Dataset, climbers: list[Port], directory: Path
) -> NoiseFloor | None:
    if len(climbers) < 2:
        raise UserError("--noise-floor needs two --variants to compare; this run has one.")
    try:
        return noise_floor.measure(plan, dataset, climbers, config.pythons(), directory)
    except (NotOnTheLadder, WorkerRefused, WorkerFailed) as failure:
        raise UserError(f"--noise-floor cannot be measured: {failure}") from failure


def options_record(config: ParityConfig, dataset: mnist.Dataset) -> Options:
    """Return the options as they were used, without paths of this machine."""
    record = recorded_options(config)
    for _, module in modules(config):
        for option in ("torch_module", "tensorflow_module"):
            if record[option] == module and own_code.is_path(module):
                record[option] = Path(module).name
    record["data"] = {"source": set_name(dataset.sha256), "sha256": dataset.sha256}
    return msgspec.convert(record, Options)
