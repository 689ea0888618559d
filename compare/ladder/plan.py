"""Defines the plan of a climb, which is the same for every side, and the ports that climb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compare.ladder.tolerances import judged_steps
from compare.processes.conditions import Conditions
from lenet_spec import LeNetSpec

EVALUATED_IMAGES = 1000  # as many as a run evaluates in one batch


@dataclass(frozen=True)
class Plan:
    """The settings of one climb. spec: includes the batch size, and whether dropout is active."""

    spec: LeNetSpec
    dtype: str
    seed: int
    steps: int
    oracle_steps: int  # at first; the oracle trains on if a verdict needs it
    threads: int
    timeout: float  # seconds for one request
    train_count: int  # training images in an epoch
    sizes: tuple[int, ...] = ()  # further batch sizes; one step of each is judged
    evaluated_images: int = EVALUATED_IMAGES
    late: bool = False  # whether updates after the last step are judged too
    epoch: bool = True  # whether rung 2 checks a whole epoch of batches
    data_dir: Path | None = None
    tf32: bool = False
    deterministic: bool = False
    say: Callable[[str], None] = lambda _: None  # shows the user what is done now

    def conditions(self, port: Port) -> Conditions:
        """Return the conditions of a run, except that workers and oracle compute at the same time.

        Ranks share the threads.
        """
        threads = max(1, self.threads // max(1, port.ranks))
        return Conditions(
            port.device, threads, tf32=self.tf32, deterministic=self.deterministic, share_cpus=True
        )

    @property
    def batch_size(self) -> int:
        return self.spec.training.batch_size

    @property
    def judged_steps(self) -> int:
        """Return how many steps rung 8 judges at most."""
        return judged_steps(self.steps, self.dtype)

    @property
    def digest_steps(self) -> int:
        """Return how many batches rung 2 digests: past the end of an epoch, where input pipelines differ."""
        epoch = -(-self.train_count // self.spec.training.batch_size) + 1
        return max(self.steps, epoch) if self.epoch else self.steps


@dataclass(frozen=True)
class Port:
    """An implementation that a worker loads: `module` (dotted, or a file's path) defines class `trainer`."""

    label: str
    framework: str
    module: str
    trainer: str
    device: str
    bfloat16: tuple[str, str] | None = None  # module and class of its form in bfloat16
    ranks: int = 0  # of a data-parallel group, which then climbs as one; 0: one process, in no engine

    def place(self, dtype: str) -> tuple[str, str]:
        """Return the module and the class that train in `dtype`."""
        return self.bfloat16 if dtype == "bfloat16" and self.bfloat16 else (self.module, self.trainer)
