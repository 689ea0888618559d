"""What the driver and the command on a node send each other: JSON to the node, JSON or files back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec

from compare.config import RunConfig
from compare.records import machine
from compare.records.environment import Environment
from compare.records.parity import Gate

Versions = dict[str, dict[str, str | None]]  # of each framework's packages, by framework


class Request(msgspec.Struct):
    """To a node: its facts, or, if a seed is named, that seed's group, trained.

    gate: what the machine has climbed already in this run.
    """

    options: dict[str, Any]  # of RunConfig
    seed: int | None = None
    gate: Gate | None = None


class Facts(msgspec.Struct):
    """What must be the same on every node, and what tells machines apart."""

    environment: Environment
    data_sha256: str
    versions: Versions


class Group(msgspec.Struct):
    """A seed's launches: results.json of a run of its own, and its other files by their place in it."""

    results: bytes
    files: dict[str, bytes]


def options_of(config: RunConfig) -> dict[str, Any]:
    """Return the options as a node gets them: without what is the driver's own business."""
    own = dataclasses.replace(config, cluster=None, out=None, resume=None, download=None, tensorboard=False)
    found: dict[str, Any] = msgspec.to_builtins(own, enc_hook=lambda path: str(path.absolute()))
    return found


def config_of(options: dict[str, Any]) -> RunConfig:
    """Raise msgspec.ValidationError for what another version sent. No threads: those of this machine."""
    given = options | ({} if options["threads"] else {"threads": RunConfig().threads})
    return msgspec.convert(given, RunConfig, dec_hook=lambda kind, value: kind(value))


def differing(here: Facts, there: Facts) -> Iterator[tuple[str, object, object]]:
    """Yield what makes step times those of other work: its name, what it is here, what it is on the node.

    A driver may have no frameworks of its own; a node must have what the driver, or another node, has.
    """
    for fact, name in (("code_version", "lenet-compare"), ("python", "Python"), ("packages", "")):
        one, two = getattr(here.environment, fact), getattr(there.environment, fact)
        if isinstance(one, dict):
            yield from unequal(one, two)
        elif machine.differ(one, two):
            yield name, one, two
    for framework, versions in here.versions.items():
        yield from unequal(versions, there.versions.get(framework, {}))
    if here.data_sha256 != there.data_sha256:
        yield "the data set (SHA-256)", here.data_sha256[:12], there.data_sha256[:12]


def unequal(
    here: dict[str, str | None], there: dict[str, str | None]
) -> Iterator[tuple[str, object, object]]:
    for package, version in here.items():
        if version != there.get(package):
            yield package, version or "missing", there.get(package) or "missing"
