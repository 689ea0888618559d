"""Checks, before any training, whether each framework can use the run's devices. Asks a worker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from compare.config import RunConfig, entrants
from compare.errors import UserError
from compare.experiment.card import cards
from compare.numbers import count
from compare.processes.launcher import WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.variants import FRAMEWORK_NAMES


def check_devices(config: RunConfig) -> None:
    """Raise UserError, with a line for each framework, if one cannot use the card of the run."""
    frameworks = dict.fromkeys(e.framework for e in entrants(config) if e.device == "cuda")
    reasons = {framework: probe(config, framework, "cuda") for framework in frameworks}
    if not any(reasons.values()):
        if frameworks:
            check_cards(config, cards(os.environ))
        return
    raise UserError(
        "\n".join([f"--device {','.join(config.device)} cannot be used here:", *lines(config, reasons)])
    )


def check_cards(config: RunConfig, found: int) -> None:
    """Raise UserError if a group on cards has too few: NCCL refuses two ranks on one."""
    needed = max((one.ranks for one in entrants(config) if one.device == "cuda"), default=0)
    if needed > found:
        raise UserError(
            f"--workers is {needed}, and on cuda each needs a card of its own, but {count(found, 'card')} "
            "can be seen.\nUse fewer workers, make more cards visible, or use --device cpu."
        )


def lines(config: RunConfig, reasons: Mapping[str, str | None]) -> list[str]:
    """Return each framework's reason. If only one framework has one, name the variants that can still run."""
    said = [f"{FRAMEWORK_NAMES[framework]}: {reason}" for framework, reason in reasons.items() if reason]
    able = [framework for framework, reason in reasons.items() if not reason]
    if able:
        names = dict.fromkeys(e.variant.name for e in entrants(config) if e.framework in able)
        said.append(f"To run what can be run: --variants {','.join(names)}")
    return said


def probe(config: RunConfig, framework: str, device: str) -> str | None:
    """Return why a framework cannot use a device, or None."""
    try:
        return ask(config, framework, device).unavailable
    except (WorkerRefused, WorkerFailed) as error:
        return str(error)


def present_versions(config: RunConfig) -> dict[str, dict[str, Any]]:
    """Return the versions of each framework's packages; no versions if the framework cannot be imported."""
    found: dict[str, dict[str, Any]] = {}
    for framework in dict.fromkeys(entrant.framework for entrant in entrants(config)):
        try:
            found[framework] = ask(config, framework, "cpu").versions
        except (WorkerRefused, WorkerFailed):
            found[framework] = {}
    return found


def ask(config: RunConfig, framework: str, device: str) -> messages.Probed:
    """Probe a framework and a device in a new worker, and return its reply. The log is removed with it."""
    with config.conditions(device).launch(framework, None, python=config.python(framework)) as worker:
        return worker.request(messages.Probe(framework, device), messages.Probed, config.timeout)
