"""Defines the state of a launch while it lives, and how one action's failure ends only that launch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from compare.config import Entrant, RunConfig
from compare.cpus import usable_cpus
from compare.experiment.ends import End
from compare.ladder.together import asking
from compare.processes.energy import Meter, meters
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages
from compare.records.results import Launch, Status

WARMUP_STEPS = 20


@dataclass
class LiveLaunch:
    """A worker, or a group of ranks, and the row that it fills."""

    entrant: Entrant
    run: Launch
    worker: Worker | Group | None = None
    live: bool = True  # False once the row has its final status
    told: bool = False  # whether the display has received its end

    @cached_property
    def meters(self) -> list[Meter]:
        """Return the energy meters of its device, which do not change while it lives."""
        return meters(self.entrant.device)

    def end(self, status: Status, reason: str | None, grace_seconds: float = 0) -> None:
        self.run.status, self.run.reason, self.live = status, reason, False
        self.run.ended = True
        if self.worker is not None:
            self.worker.close(grace_seconds)


@dataclass(frozen=True)
class Expected:
    """Values that the parent computes itself and compares with every worker's values."""

    data_sha256: str
    weights_sha256: str
    end: End
    shards: Mapping[int, list[str]]  # by number of ranks, the digest of each rank's rows of all batches


def act_or_end(launch: LiveLaunch, act: Callable[[], None], directory: Path) -> None:
    """Call `act` if the launch has not ended. A failure ends the launch, with the reason in its row.

    Results are for sharing, so they name a log by its path within the run's directory.
    """
    if not launch.live:
        return
    try:
        act()
    except WorkerRefused as refusal:
        launch.end("unavailable" if refusal.kind in messages.MISSING else "failed", refusal.beside(directory))
    except WorkerFailed as failure:
        launch.end("failed", failure.beside(directory))


def side_by_side(launches: list[LiveLaunch], act: Callable[[LiveLaunch], None], directory: Path) -> None:
    """Do untimed work for every live launch, for as many at the same time as there are CPUs."""
    live = [launch for launch in launches if launch.live]
    if live:
        with asking([launch.worker for launch in live if launch.worker], threads=usable_cpus()) as pool:
            list(pool.map(lambda launch: act_or_end(launch, partial(act, launch), directory), live))


def not_proved(launch: LiveLaunch, step: int, why: str) -> None:
    launch.run.not_proved_from = step
    launch.end("failed", f"it does not train as proved from step {step:,} on: {why}")


def new_run(config: RunConfig, entrant: Entrant, seed: int) -> Launch:
    return Launch(
        framework=entrant.variant.framework,
        variant=entrant.variant.variant,
        device=entrant.device,
        dtype=config.dtype,
        seed=seed,
        label=entrant.label,
        warmup_steps=warmup_steps(config),
    )


def warmup_steps(config: RunConfig) -> int:
    return min(WARMUP_STEPS, config.steps // 2)
