"""Kills one of three ranks while they train: the group must end, name the rank, and leave no process."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil

from compare.processes.group import Group
from compare.processes.launcher import WorkerFailed
from compare.protocol import messages
from tools.ranks.arms import TIMED, TIMEOUT_SECONDS, Arm, start
from tools.ranks.record import Kill

KILLS, LONGEST_WAIT_SECONDS = 10, 3.0
THREE = Arm("3 processes × 1 thread", 3, 1, engine=True)


def kills() -> Iterator[Kill]:
    """Kill a random rank, at a random moment, again and again."""
    chance = random.Random(0)
    for number in range(KILLS):
        variant, rank = TIMED[number % len(TIMED)], chance.randrange(THREE.ranks)
        seconds = chance.uniform(0.1, LONGEST_WAIT_SECONDS)
        message = ""
        with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
            group = start(variant, THREE, Path(directory), stack)
            assert isinstance(group, Group)
            pids = [worker.process.pid for worker in group.workers]
            threading.Timer(seconds, os.kill, (pids[rank], signal.SIGKILL)).start()
            try:
                group.request(messages.Train(1_000_000), messages.Trained, TIMEOUT_SECONDS)
            except WorkerFailed as failure:
                message = str(failure).partition(" (")[0]
        left = sum(map(psutil.pid_exists, pids))
        print(f"killed rank {rank} after {seconds:.1f} s: {message}; left running: {left}", flush=True)
        named = message == f"{variant} rank {rank} was killed by SIGKILL"
        yield Kill(variant, rank, seconds, named, left)
