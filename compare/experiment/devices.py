"""Whether a device can be used, asked of each framework in a worker before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compare.config import RunConfig, entrants
from compare.errors import UserError
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.records.run_directory import remove_if_empty
from compare.variants import FRAMEWORK_NAMES


def check_devices(config: RunConfig, directory: Path) -> None:
    """Raise UserError, a line per framework, if one cannot use the card that it is asked to."""
    frameworks = dict.fromkeys(e.framework for e in entrants(config) if e.device == "cuda")
    reasons = {framework: probe(config, framework, "cuda", directory) for framework in frameworks}
    if not any(reasons.values()):
        return
    for log in directory.glob("probe-*.log"):
        log.unlink()
    remove_if_empty(directory)
    raise UserError(
        "\n".join([f"--device {','.join(config.device)} cannot be used here:", *lines(config, reasons)])
    )


def lines(config: RunConfig, reasons: Mapping[str, str | None]) -> list[str]:
    """Each framework's reason; and what to name where only one framework has one."""
    said = [f"{FRAMEWORK_NAMES[framework]}: {reason}" for framework, reason in reasons.items() if reason]
    able = [framework for framework, reason in reasons.items() if not reason]
    if able:
        names = dict.fromkeys(e.variant.name for e in entrants(config) if e.framework in able)
        said.append(f"To run what can be run: --variants {','.join(names)}")
    return said


def probe(config: RunConfig, framework: str, device: str, directory: Path) -> str | None:
    """Why a framework cannot use a device, or None."""
    try:
        return ask(config, framework, device, directory).unavailable
    except (WorkerRefused, WorkerFailed) as error:
        return str(error)


def present_versions(config: RunConfig, directory: Path) -> dict[str, dict[str, Any]]:
    """Return the versions of each framework's packages, by framework; none where it cannot be imported."""
    found: dict[str, dict[str, Any]] = {}
    for framework in dict.fromkeys(entrant.framework for entrant in entrants(config)):
        try:
            found[framework] = ask(config, framework, "cpu", directory).versions
        except (WorkerRefused, WorkerFailed):
            found[framework] = {}
        (directory / f"probe-{framework}-cpu.log").unlink(missing_ok=True)
    return found


def ask(config: RunConfig, framework: str, device: str, directory: Path) -> messages.Probed:
    """Return what a worker that does nothing else says of a framework and a device."""
    log_path = directory / f"probe-{framework}-{device}.log"
    with config.conditions(device).launch(framework, log_path, python=config.python(framework)) as worker:
        return worker.request(messages.Probe(framework, device), messages.Probed, config.timeout)
