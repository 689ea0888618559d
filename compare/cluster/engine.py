"""Finds the nodes of a Ray cluster, and starts and ends tasks on them. Only `--cluster` imports Ray."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compare.cluster import embedded
from compare.cluster.task import GRACE_SECONDS, execute
from compare.errors import NodesLost, UserError, typed
from compare.processes.interruption import listen, raise_if_received
from compare.reasons import last_line, reason_of

LOCAL = "local"
LEAST_VERSION = (2, 52)  # the first with token authentication
ANSWER_SECONDS = 15  # of the head, to say who it is; most of it is Python's import of Ray
ASK_HEAD = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"
LOOK_EVERY_SECONDS = 2.0  # while tasks run
STORE_BYTES = 80 << 20  # about the least that Ray accepts; a group is a few megabytes

Task = Any  # Ray's reference to what a task returns


class Lost(Exception):
    """A node, or Ray's process on it, ended before its task did."""


@dataclass(frozen=True)
class Node:
    """A node of the cluster. Frozen: it is known by `id`."""

    id: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Reply:
    """The exit status of the command on a node, its answer, and the end of its output."""

    status: int
    answer: bytes
    printed: str

    @property
    def reason(self) -> str:
        """Return why the command failed: the error that it printed, or its last line."""
        _, found, error = self.printed.rpartition("error: ")
        return error.strip() if found else last_line(self.printed) or f"exit status {self.status}"


class Engine:
    """A cluster that this process has joined."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.function = ray.remote(execute)
        self.own = ray.get_runtime_context().get_node_id()
        ray._private.worker._worker_logs_enabled = False  # noqa: SLF001  (pages of a raylet's log if it dies)

    def alive(self) -> set[str]:
        found = {one["NodeID"] for one in self.ray.nodes() if one["Alive"]}
        if self.own not in found:
            raise NodesLost(
                "--cluster: Ray has ended on the host that this command runs on. Start it there again."
            )
        return found

    def nodes(self) -> list[Node]:
        """Return the nodes that have CPUs; the head's node comes first."""
        found = [(one["NodeID"], one["Resources"]) for one in self.ray.nodes() if one["Alive"]]
        found.sort(key=lambda one: ("node:__internal_head__" not in one[1], one[0]))
        return [Node(name, has["CPU"], has.get("GPU", 0)) for name, has in found if has.get("CPU")]

    def start(self, node: Node, request: bytes, *, whole: bool, cards: bool = False) -> Task:
        """Start the command on a node. whole: reserve all CPUs of the node; cards: and all its cards."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = self.function.options(
            num_cpus=node.cpus if whole else 0,
            num_gpus=node.gpus if whole and cards else 0,
            max_retries=0,  # what is lost must be said
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )
        return options.remote(request)

    def ended(self, tasks: Mapping[Task, Node]) -> list[Task]:
        """Wait shortly for one of the tasks. Return the tasks that have ended, or whose node was lost.

        Raises NodesLost if this process runs on that node: then Ray neither starts nor ends a task.
        """
        try:
            done, _ = self.ray.wait(list(tasks), timeout=LOOK_EVERY_SECONDS, fetch_local=False)
        except SystemError:  # Ray's for whatever a signal raises while it waits, but for KeyboardInterrupt
            raise_if_received()
            raise
        raise_if_received()
        alive = [] if done else self.alive()
        return list(done) or [task for task, node in tasks.items() if node.id not in alive]

    def reply(self, task: Task, node: Node) -> Reply:
        """Return the reply of a task that has ended. Raises Lost."""
        if node.id not in self.alive():
            raise Lost("Ray says that the node is dead")
        try:
            found = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:  # of our own code, or its import, on the node
            return Reply(-1, b"", str(reason_of(error.cause)))
        except self.ray.exceptions.RayError as error:
            raise Lost(str(reason_of(error))) from error
        return Reply(found["status"], found["answer"], found["printed"].decode(errors="replace"))

    def stop(self, tasks: Sequence[Task]) -> None:
        """End the tasks, and wait until their commands have ended too."""
        for task in tasks:
            self.ray.cancel(task)
        if tasks:
            self.ray.wait(list(tasks), num_returns=len(tasks), timeout=2 * GRACE_SECONDS, fetch_local=False)


def check_installed() -> None:
    """Raise UserError if Ray is missing or too old."""
    least = ".".join(map(str, LEAST_VERSION))
    install = f'Install it: {typed(sys.executable)} -m pip install "ray>={least}"'
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"--cluster needs Ray, which is not installed.\n{install}")
    if tuple(map(int, version("ray").split(".")[:2])) < LEAST_VERSION:
        raise UserError(f"--cluster needs Ray {least} or newer; {version('ray')} is installed.\n{install}")


@contextmanager
def joined(cluster: str) -> Iterator[Engine]:
    """Start Ray here, or join the cluster at an address. Raises UserError if that cannot be done."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
    with ExitStack() as stack:
        if cluster == LOCAL:
            stack.enter_context(embedded.prepared())
            options: dict[str, Any] = {
                "address": LOCAL, "include_dashboard": False, "object_store_memory": STORE_BYTES
            }  # fmt: skip
        else:
            check_token()
            check_answers(cluster)
            options = {"address": cluster}
        ray = importlib.import_module("ray")
        stack.callback(ray.shutdown)
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise UserError(
                f"--cluster {cluster}: Ray cannot be joined: {reason_of(error)}\n"
                "Run this on one of the cluster's hosts, with the Ray and the Python of its head."
            ) from error
        finally:
            listen()  # Ray has taken SIGTERM
        yield Engine(ray)


def check_token() -> None:
    """Raise UserError if there is no token to join a cluster with."""
    own = os.path.expanduser("~/.ray/auth_token")  # noqa: PTH111  (Path's raises for a user without a home)
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or own)
    if not os.environ.get("RAY_AUTH_TOKEN") and not file.is_file():
        raise UserError(
            f"--cluster: there is no token: neither RAY_AUTH_TOKEN nor {file}.\n"
            "Put what `ray get-auth-token` prints on the cluster's head into one of them."
        )


def check_answers(address: str) -> None:
    """Raise UserError if no Ray head answers at the address, or if it does not accept our token."""
    host, _, port = address.rpartition(":")
    start = "Start it there: RAY_AUTH_MODE=token ray start --head --port=6379"
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        why = f"no cluster answers: {getattr(error, 'strerror', None) or error}"
        raise UserError(f"--cluster {address}: {why}.\n{start}") from error
    try:
        asked = [sys.executable, "-c", ASK_HEAD, address]
        done = subprocess.run(asked, capture_output=True, timeout=ANSWER_SECONDS, check=False)
        said = done.stderr if done.returncode else b""
    except subprocess.TimeoutExpired as silent:
        said = silent.stderr or b"it does not answer"
    if b"InvalidAuthToken" in said:
        raise UserError(
            f"--cluster {address}: its head does not accept the token.\n"
            "Put what `ray get-auth-token` prints there into RAY_AUTH_TOKEN, or into ~/.ray/auth_token here."
        )
    if said:
        raise UserError(f"--cluster {address}: what answers there is no head of a Ray cluster.\n{start}")
