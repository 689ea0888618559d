"""Whether a device can be used, asked of each framework in a worker before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from compare.config import RunConfig, entrants
from compare.errors import UserError
from compare.processes import messages
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused, worker_command
from compare.variants import FRAMEWORK_NAMES


def check_devices(config: RunConfig, directory: Path) -> None:
    """Raises UserError, a line per framework, where one cannot use the card that it is asked to."""
    frameworks = dict.fromkeys(e.framework for e in entrants(config) if e.device == "cuda")
    reasons = {framework: probe(config, framework, "cuda", directory) for framework in frameworks}
    if not any(reasons.values()):
        return
    for log in directory.glob("probe-*.log"):
        log.unlink()
    if not any(directory.iterdir()):
        directory.rmdir()
    raise UserError("\n".join([f"--device {config.device} cannot be used here:", *lines(config, reasons)]))


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
        with Worker(
            worker_command(str(config.python(framework)), framework),
            environment=worker_environment(
                os.environ, device=device, threads=config.thread_count, allocator=config.allocator
            ),
            log_path=directory / f"probe-{framework}-{device}.log",
            name=framework,
        ) as worker:
            probed = worker.request(messages.Probe(framework, device), messages.Probed, config.timeout)
    except (WorkerRefused, WorkerFailed) as error:
        return str(error)
    return probed.unavailable
