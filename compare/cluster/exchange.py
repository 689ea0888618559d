"""Defines the messages between the driver and the command on a node: JSON to it, JSON or files back."""

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
    """Asks a node for its facts. If a seed is named, asks it to train the group of this seed.

    gate: the result of the ladder, if this machine has climbed it in this run.
    """

    options: dict[str, Any]  # of RunConfig
    seed: int | None = None
    gate: Gate | None = None


class Facts(msgspec.Struct):
    """The facts that must be equal on every node, and those that identify a machine."""

    environment: Environment
    data_sha256: str
    versions: Versions


class Group(msgspec.Struct):
    """A trained seed: results.json as of a separate run, and the other files by their path in that run."""

    results: bytes
    files: dict[str, bytes]


def options_of(config: RunConfig) -> dict[str, Any]:
    """Return the options for a node: those of the run, without the ones that only the driver uses."""
    own = dataclasses.replace(config, cluster=None, out=None, resume=None, download=None, tensorboard=False)
    found: dict[str, Any] = msgspec.to_builtins(own, enc_hook=lambda path: str(path.absolute()))
    return found


def config_of(options: dict[str, Any]) -> RunConfig:
    """Return the options; if they name no threads, use all CPUs of this machine.

    Raises msgspec.ValidationError if another version of this project sent them.
    """
    given = options | ({} if options["threads"] else {"threads": RunConfig().threads})
    return msgspec.convert(given, RunConfig, dec_hook=lambda kind, value: kind(value))


def differing(here: Facts, there: Facts) -> Iterator[tuple[str, object, object]]:
    """Yield each difference that makes step times incomparable: its name, its value here, and on the node.

    The driver may lack the frameworks. A node must have the versions of the driver or of the other nodes.
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
