"""Defines the record of a measurement's environment: machine, system and card. Unknown is None, never 0."""

from __future__ import annotations

import hashlib

import msgspec


class CardSample(msgspec.Struct):
    """The card's clocks, temperature and power at a moment. `slowed_by`: what limits its clock, in words."""

    sm_mhz: int | None = None
    memory_mhz: int | None = None
    celsius: int | None = None
    power_watts: float | None = None
    slowed_by: list[str] | None = None


class CardMoment(CardSample):
    """The card while no worker runs. `slowed_seconds`: by cause, since the driver was loaded."""

    name: str | None = None
    driver: str | None = None
    memory_bytes: int | None = None
    memory_used_bytes: int | None = None
    other_processes: int | None = None
    utilization_percent: int | None = None
    power_limit_watts: float | None = None
    max_sm_mhz: int | None = None
    slowed_seconds: dict[str, float | None] = {}


class Card(msgspec.Struct, omit_defaults=True):
    """The facts that NVML gave about the card during a run. `absent` says why it gave none."""

    absent: str | None = None
    before: CardMoment | None = None
    after: CardMoment | None = None
    samples: list[CardSample] = []


class Environment(msgspec.Struct):
    """Facts that can change a figure. No host name, user name or path, because results are for sharing."""

    cpu: str | None = None
    cpus_usable: int | None = None
    cpus_allowed: int | None = None  # as the scheduler's affinity allows
    cpu_quota: float | None = None  # the time that a container may use, in CPUs
    cpus_total: int | None = None
    memory_bytes: int | None = None
    system: str | None = None
    kernel: str | None = None
    libc: str | None = None
    machine: str | None = None
    python: str | None = None
    packages: dict[str, str | None] = {}
    code_version: str | None = None
    started: str | None = None  # when this was recorded: date and time in UTC, to the minute
    load_average_1min: float | None = None
    cpu_governor: str | None = None
    cpu_mhz: list[float | None] = []  # one value at the start of each seed
    card: Card | None = None  # None for a run without CUDA
    host_digest: str | None = None  # distinguishes equal machines; not the host's name, nor made from it

    @property
    def machine_id(self) -> str:
        """Return 12 hex digits that identify this machine. An update of the system does not change them."""
        memory_gib = None if self.memory_bytes is None else round(self.memory_bytes / 2**30)
        card = self.card.before.name if self.card is not None and self.card.before is not None else None
        facts = (
            self.cpu,
            self.cpus_usable,
            self.cpus_total,
            memory_gib,
            self.machine,
            card,
            self.host_digest,
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
