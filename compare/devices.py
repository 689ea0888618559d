"""Whether a device can be used, asked of each framework in a worker before anything is trained."""

from __future__ import annotations

import os
from pathlib import Path

from compare.config import RunConfig, entrants
from compare.errors import UserError
from compare.processes import messages
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused, worker_command
from compare.variants import FRAMEWORK_NAMES


def check_devices(config: RunConfig, directory: Path) -> None:
    """Raises UserError, a line per framework, where a device other than the CPU cannot be used."""
    reasons = []
    for device in config.devices():
        if device == "cpu":
            continue
        frameworks = dict.fromkeys(e.framework for e in entrants(config) if e.device == device)
        for framework in frameworks:
            if reason := probe(config, framework, device, directory):
                reasons.append(f"{FRAMEWORK_NAMES[framework]}: {reason}")
    if reasons:
        for log in directory.glob("probe-*.log"):
            log.unlink()
        if not any(directory.iterdir()):
            directory.rmdir()
        raise UserError(f"--device {config.device} cannot be used here:\n" + "\n".join(reasons))


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
