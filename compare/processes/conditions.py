"""How a worker runs: every worker is started and set up from here, so that no two can drift apart."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from compare.cpus import usable_cpus
from compare.processes.environment import Allocator, worker_environment
from compare.processes.launcher import Worker, worker_command
from compare.protocol import messages
from lenet_spec import LeNetSpec

# Where workers compute at the same time, a thread that waits must sleep: spinning, it holds a CPU that
# another process needs. Changes no figure but times, so nothing that is timed runs with it.
SLEEPING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Conditions:
    """What holds for a worker of either framework.

    share_cpus: other processes compute at the same time, so nothing here is timed.
    """

    device: str = "cpu"
    threads: int = field(default_factory=usable_cpus)
    allocator: Allocator = "stable"
    tf32: bool = False
    deterministic: bool = False
    share_cpus: bool = False

    def environment(self) -> dict[str, str]:
        """Return the variables that a worker starts with."""
        found = worker_environment(
            os.environ, device=self.device, threads=self.threads, allocator=self.allocator
        )
        return found | (SLEEPING_THREADS if self.share_cpus else {})

    def launch(
        self, framework: str, log_path: Path, *, name: str | None = None, python: Path | None = None
    ) -> Worker:
        """Start a worker, by this interpreter unless another is named. Raises WorkerFailed if it cannot."""
        return Worker(
            worker_command(str(python or sys.executable), framework),
            environment=self.environment(),
            log_path=log_path,
            name=name or framework,
        )

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
        )
