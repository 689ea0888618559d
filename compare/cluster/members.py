"""Names the nodes of a run, and checks that all have the same code, versions and data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from compare.cluster.engine import Engine, Lost, Node, Task
from compare.cluster.exchange import Facts, Request, Versions, differing, options_of
from compare.config import RunConfig
from compare.errors import UserError
from compare.numbers import count


@dataclass(frozen=True)
class Member:
    """A node that may train. name: contains no host name, because results are for sharing."""

    node: Node
    name: str
    facts: Facts

    @property
    def machine(self) -> str:
        return self.facts.environment.machine_id


def members_of(engine: Engine, config: RunConfig, own_facts: Callable[[], Facts]) -> list[Member]:
    """Ask every node for its facts. Raises UserError for the first that cannot train, or has other versions.

    own_facts: returns the driver's facts; called while the nodes answer.
    """
    nodes = engine.nodes()
    request = msgspec.json.encode(Request(options_of(config)))
    tasks = [engine.start(node, request, whole=False) for node in nodes]
    try:
        here = own_facts()
        asked = enumerate(zip(nodes, tasks, strict=True), start=1)
        members = [member(engine, node, number, task) for number, (node, task) in asked]
    except BaseException:
        engine.stop(tasks)
        raise
    if not members:
        raise UserError(
            "--cluster: no node of the cluster has CPUs.\nStart one: ray start --address=HOST:PORT"
        )
    refuse_others(here, members)
    return members


def member(engine: Engine, node: Node, number: int, task: Task) -> Member:
    """Wait for a node's facts. Raises UserError if the node cannot answer."""
    while not engine.ended({task: node}):
        pass
    try:
        reply = engine.reply(task, node)
    except Lost as lost:
        raise UserError(
            f"--cluster: node {number} was lost before it could be asked: {lost}\n"
            "Look at it with `ray status`, then run again."
        ) from lost
    if reply.status:
        raise UserError(f"--cluster: node {number} cannot train: {reply.reason}")
    facts = msgspec.json.decode(reply.answer, type=Facts)
    cpus = count(facts.environment.cpus_usable or 0, "CPU")
    return Member(node, f"node {number} ({facts.environment.cpu or 'an unknown processor'}, {cpus})", facts)


def refuse_others(here: Facts, members: Sequence[Member]) -> None:
    """Raise UserError for the first node that differs from the driver, with the node and both versions.

    If the driver lacks a framework, the first node that has it gives the expected version.
    """
    everyone = [here, *(one.facts for one in members)]
    versions: Versions = {}
    for framework in here.versions:
        versions[framework] = next(
            (one.versions[framework] for one in everyone if one.versions.get(framework)), {}
        )
    expected = msgspec.structs.replace(here, versions=versions)
    for one in members:
        found = [f"{what} is {two} there and {own} here" for what, own, two in differing(expected, one.facts)]
        if found:
            raise UserError(
                f"--cluster: {one.name} differs from this machine: {'; '.join(found[:3])}.\n"
                "Give every node the same code, packages and data, or stop Ray on that node."
            )
