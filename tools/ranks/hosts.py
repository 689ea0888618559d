"""Times two ranks in two network namespaces that are joined by a link of limited speed.

Each rank sees only its own end of the link. So the ranks cannot meet over a wrong interface, and the step
shows the cost of the link. It needs Linux, root and iproute2.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from compare.processes.conditions import Conditions
from compare.processes.group import Group
from compare.protocol import messages
from compare.variants import VARIANTS_BY_NAME
from tools.ranks.arms import ONE_THREAD, SPEC, TIMED, TIMEOUT_SECONDS, set_up, start
from tools.ranks.record import Link

PORT = 23456  # free in a namespace of one's own
LIMITS: tuple[int | None, ...] = (None, 1000, 100)  # megabits a second
STEPS, WARMUP_STEPS, PROOF_STEPS = 20, 3, 5
GRADIENT_BYTES = 4 * SPEC.parameter_count


class NotPermitted(Exception):
    """The system does not permit network namespaces or limited links."""


def hosts(
    variants: Sequence[str] = TIMED, limits: Sequence[int | None] = LIMITS, steps: int = STEPS
) -> Iterator[Link]:
    """Compare the losses in float64, then time two ranks at each speed of the link. Raises NotPermitted."""
    for variant in variants:
        gap = losses_apart(variant)
        with tempfile.TemporaryDirectory() as directory, namespaces() as ends, ExitStack() as stack:
            runner = joined(variant, ends, Path(directory), stack, dtype="float32")
            for mbit in limits:
                limit(ends, mbit)
                train = messages.Train(WARMUP_STEPS + steps)
                done = runner.request(train, messages.Trained, TIMEOUT_SECONDS)
                seconds = median(done.step_seconds[WARMUP_STEPS:])
                speed = f"{mbit} Mbit/s" if mbit else "no limit"
                print(f"{variant}, {speed}: {seconds * 1000:.0f} ms, losses within {gap:.0e}", flush=True)
                yield Link(variant, mbit, steps, SPEC.training.batch_size, GRADIENT_BYTES, seconds, gap)


def losses_apart(variant: str) -> float:
    """Return the largest difference between the losses of two ranks and of one process."""
    train = messages.Train(PROOF_STEPS)
    with tempfile.TemporaryDirectory() as directory, namespaces() as ends, ExitStack() as stack:
        alone = start(variant, ONE_THREAD, Path(directory), stack, dtype="float64")
        both = joined(variant, ends, Path(directory), stack, dtype="float64")
        one, two = (
            runner.request(train, messages.Trained, TIMEOUT_SECONDS).losses for runner in (alone, both)
        )
    return max(abs(left - right) for left, right in zip(one, two, strict=True))


def joined(variant: str, ends: Sequence[str], directory: Path, stack: ExitStack, *, dtype: str) -> Group:
    """Start and set up a rank in each namespace. They meet by the link's addresses; torch also by a file."""
    framework = VARIANTS_BY_NAME[variant].framework
    addresses = ",".join(f"{address(rank)}:{PORT}" for rank in range(len(ends)))
    meeting = str(directory / "rendezvous") if framework == "torch" else addresses
    places = [messages.Place(rank, len(ends), meeting) for rank in range(len(ends))]
    workers = []
    for rank, end in enumerate(ends):
        conditions = Conditions(threads=1, variables={"GLOO_SOCKET_IFNAME": end})
        log_path = directory / f"{framework}-{rank}.log"
        worker = conditions.launch(framework, log_path, name=variant, python=entering(end, directory))
        workers.append(stack.enter_context(worker))
    group = stack.enter_context(Group(variant, workers, places))
    set_up(group, variant, Conditions(threads=1), directory, SPEC, engine=True, seed=0, dtype=dtype)
    return group


def entering(namespace: str, directory: Path) -> Path:
    """Write a script that starts the interpreter in the namespace, and return its path."""
    program = directory / f"python-{namespace}"
    program.write_text(f'#!/bin/sh\nexec ip netns exec {namespace} {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o755)
    return program


def address(rank: int) -> str:
    """Return the address of a rank's end of the link."""
    return f"10.77.0.{rank + 1}"


@contextmanager
def namespaces() -> Iterator[tuple[str, str]]:
    """Make two namespaces and a link between them. Yield their names, which are also those of its ends."""
    ends = (f"r0-{os.getpid()}", f"r1-{os.getpid()}")
    with ExitStack() as stack:
        for end in ends:
            ip("netns", "add", end)
            stack.callback(ip, "netns", "delete", end)  # and with it its end of the link
        one, other = ends
        ip(*f"link add {one} netns {one} type veth peer name {other} netns {other}".split())
        for rank, end in enumerate(ends):
            ip("-n", end, "address", "add", f"{address(rank)}/24", "dev", end)
            for device in (end, "lo"):
                ip("-n", end, "link", "set", device, "up")
        yield ends


def limit(ends: Sequence[str], mbit: int | None) -> None:
    """Limit the speed at which each end sends. None: no limit."""
    if mbit is None:
        return
    for end in ends:
        burst = max(64_000, mbit * 1_000_000 // 8 // 100)  # what is sent in 10 ms: timers are no finer
        rate = ("tbf", "rate", f"{mbit}mbit", "burst", f"{burst}b", "latency", "100ms")
        run("tc", "-n", end, "qdisc", "replace", "dev", end, "root", *rate)


def ip(*words: str) -> None:
    """Run one command of iproute2. Raises NotPermitted."""
    run("ip", *words)


def run(*words: str) -> None:
    """Run a command. Raises NotPermitted with the system's message if it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotPermitted(f"{words[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise NotPermitted(f"{' '.join(words)}: {done.stderr.strip()}")
