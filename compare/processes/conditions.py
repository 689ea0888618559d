"""Starts and sets up every worker, so that all workers run under the same conditions."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compare.cpus import usable_cpus
from compare.processes.environment import Allocator, worker_environment
from compare.processes.launcher import Worker, WorkerFailed, worker_command
from compare.processes.rendezvous import LOOPBACK_INTERFACE, places
from compare.protocol import messages
from lenet_spec import LeNetSpec

if TYPE_CHECKING:
    from compare.processes.group import Group

# If workers compute at the same time, a waiting thread must sleep: a spinning thread holds a CPU that another
# process needs. This changes only times, so no timed worker runs with it.
SLEEPING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Conditions:
    """The conditions of a worker of either framework.

    share_cpus: other processes compute at the same time, so these workers are not timed. variables:
    additional environment variables. rank: the process's rank in a group; each rank has its own card.
    """

    device: str = "cpu"
    threads: int = field(default_factory=usable_cpus)
    allocator: Allocator = "stable"
    tf32: bool = False
    deterministic: bool = False
    share_cpus: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    rank: int = 0

    def environment(self) -> dict[str, str]:
        """Return the environment variables that a worker starts with."""
        found = worker_environment(
            os.environ,
            device=self.device,
            threads=self.threads,
            allocator=self.allocator,
            rank=self.rank,
        )
        return found | (SLEEPING_THREADS if self.share_cpus else {}) | dict(self.variables)

    def launch(
        self, framework: str, log_path: Path | None, *, name: str | None = None, python: Path | None = None
    ) -> Worker:
        """Start a worker with `python`, or with this interpreter. Raises WorkerNotStarted.

        log_path: None for a log that is removed with the worker.
        """
        return Worker(
            worker_command(str(python or sys.executable), framework),
            environment=self.environment(),
            log_path=log_path,
            name=name or framework,
            option=f"--{framework}-python",
        )

    def launch_ranks(
        self,
        framework: str,
        world_size: int,
        log_path: Path,
        *,
        name: str,
        python: Path | None = None,
        exchange: bool = True,
    ) -> Group:
        """Start a group of ranks on this machine, each with `threads` threads. Raises as `launch`.

        log_path: the log of rank 0; the other logs are next to it. exchange: False for ranks that never meet.
        """
        from compare.processes.group import Group  # NumPy is not imported for --help

        workers: list[Worker] = []
        interfaces = dict.fromkeys(("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"), LOOPBACK_INTERFACE)
        try:
            for rank in range(world_size):
                path = log_path.with_stem(f"{log_path.stem}-rank{rank}") if rank else log_path
                conditions = replace(self, variables={**self.variables, **interfaces}, rank=rank)
                workers.append(conditions.launch(framework, path, name=name, python=python))
        except WorkerFailed:
            for worker in workers:
                worker.close(grace_seconds=0)
            raise
        directory = Path(workers[0].scratch.name)
        return Group(name, workers, places(framework, world_size, directory, exchange=exchange))

    def set_up(
        self,
        framework: str,
        place: tuple[str, str],
        spec: LeNetSpec,
        weights_path: Path,
        *,
        dtype: str = "float32",
        seed: int = 0,
        data_dir: Path | None = None,
        exact: bool = False,
    ) -> messages.SetUp:
        """Return the first request to a worker. place: a module, by name or path, and the class in it."""
        module, trainer = place
        return messages.SetUp(
            framework=framework,
            module=module,
            trainer=trainer,
            spec=dataclasses.asdict(spec),
            device=self.device,
            dtype=dtype,
            seed=seed,
            weights_path=str(weights_path.resolve()),
            data_dir=str(data_dir.resolve()) if data_dir else None,
            threads=self.threads,
            tf32=self.tf32,
            deterministic=self.deterministic,
            exact=exact,
        )
