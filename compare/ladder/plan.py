"""What one climb is asked to do, the same for every side on it; and what a side is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compare.ladder.tolerances import BY_DTYPE
from compare.processes.conditions import Conditions
from lenet_spec import LeNetSpec


@dataclass(frozen=True)
class Plan:
    """spec carries the batch size and whether dropout is active."""

    spec: LeNetSpec
    dtype: str
    seed: int
    steps: int
    oracle_steps: int  # the oracle takes about ten times as long as a framework
    threads: int
    timeout: float  # seconds, for one request
    train_count: int  # images in an epoch
    data_dir: Path | None = None
    tf32: bool = False
    deterministic: bool = False
    say: Callable[[str], None] = lambda _: None  # is told what is being done, for whoever waits

    def conditions(self, device: str) -> Conditions:
        """As in a run, but that workers and oracle compute at the same time."""
        return Conditions(
            device, self.threads, tf32=self.tf32, deterministic=self.deterministic, share_cpus=True
        )

    @property
    def judged_steps(self) -> int:
        """How many steps rung 8 judges; in float32 only those before rounding noise has grown."""
        return min(self.steps, BY_DTYPE[self.dtype].judged_steps or self.steps)

    @property
    def digest_steps(self) -> int:
        """Batches that rung 2 digests: over the end of an epoch, where input pipelines part."""
        return max(self.steps, -(-self.train_count // self.spec.training.batch_size) + 1)


@dataclass(frozen=True)
class Port:
    """What a worker loads: `module` (dotted, or a file's path) offers the class `trainer`."""

    label: str
    framework: str
    module: str
    trainer: str
    device: str
