"""Chooses where a group's ranks meet on one machine: a file for torch, loopback ports for TensorFlow."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from compare.protocol.messages import Place

LOOPBACK = "127.0.0.1"
LOOPBACK_INTERFACE = "lo0" if sys.platform == "darwin" else "lo"


def places(framework: str, world_size: int, directory: Path, *, exchange: bool = True) -> list[Place]:
    """Return each rank's place. directory: a directory for the file, which the caller removes."""
    if framework == "torch":
        meeting = str((directory / "rendezvous").resolve())
    else:
        meeting = ",".join(f"{LOOPBACK}:{port}" for port in free_ports(world_size))
    return [Place(rank, world_size, meeting, exchange) for rank in range(world_size)]


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now. Another program may take one before it is used."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
