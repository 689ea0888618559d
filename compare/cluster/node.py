"""`python -m compare.cluster.node`: returns a node's facts, or trains a seed's group. A Ray task starts it.

The request is one line of JSON on standard input, which stays open as long as an answer is expected.
When it closes, the command ends as after Ctrl-C. So no process stays if the driver or Ray ends first.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from compare.cluster.exchange import Facts, Group, Request, config_of
from compare.command_line import run_entry_point
from compare.config import RunConfig
from compare.config_rules import check
from compare.data import mnist
from compare.experiment.card import watch
from compare.experiment.devices import check_devices, present_versions
from compare.experiment.experiment import Experiment
from compare.processes.scratch import Scratch, remove_abandoned
from compare.records import machine
from compare.records.parity import Gate
from compare.records.results import FILE_NAME

NOT_SENT = (FILE_NAME, "curves.csv", "report.md", ".lock")  # the driver writes its own


def main(_: Sequence[str]) -> int:
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    threading.Thread(target=end_with_input, daemon=True).start()
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever prints does not print into the answer
    config = config_of(request.options)
    if request.seed is None:
        content = msgspec.json.encode(facts_of(config))
    else:
        content = msgspec.msgpack.encode(trained(config, request.seed, request.gate))
    with os.fdopen(answer, "wb") as file:
        file.write(content)
    return 0


def end_with_input() -> None:
    """End this command with SIGTERM, so that every `finally` runs, if nobody expects its answer any more."""
    while os.read(0, 1):  # nothing more is sent
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def facts_of(config: RunConfig) -> Facts:
    """Return this node's facts. Raises UserError if options, data or devices are unusable here."""
    check(config)
    card = watch(config.device, os.environ)
    dataset = mnist.load(config.data_dir, config.spec())
    check_devices(config)
    facts = Facts(machine.describe(), dataset.sha256, present_versions(config))
    facts.environment.card = card.record if card else None
    return facts


def trained(config: RunConfig, seed: int, gate: Gate | None) -> Group:
    """Train one seed's group as a run of its own, without a report. Raises UserError as a run does."""
    remove_abandoned()
    with whole_host(), temporary() as directory:
        own = dataclasses.replace(config, seeds=1, first_seed=seed, out=directory / "run")
        experiment = Experiment.prepare(own, Console(file=sys.stderr))
        experiment.proved = gate
        with experiment.place:
            experiment.measure()
            return group_in(experiment.directory)


def group_in(directory: Path) -> Group:
    files = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in NOT_SENT
    }
    return Group((directory / FILE_NAME).read_bytes(), files)


@contextmanager
def whole_host() -> Iterator[None]:
    """Wait until no other group trains on this host. Ray does not enforce the resources that it assigns.

    The lock is on the root directory: every user can open it, and the lock leaves no file.
    """
    root = os.open("/", os.O_RDONLY)
    try:
        fcntl.flock(root, fcntl.LOCK_EX)
        yield
    finally:
        os.close(root)


@contextmanager
def temporary() -> Iterator[Path]:
    scratch = Scratch()
    try:
        yield Path(scratch.name)
    finally:
        scratch.cleanup()


if __name__ == "__main__":
    run_entry_point(main)
