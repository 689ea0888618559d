"""What one climb is asked to do, the same for every side on it; and what a side is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compare.ladder.tolerances import judged_steps
from compare.processes.conditions import Conditions
from lenet_spec import LeNetSpec

EVALUATED_IMAGES = 1000  # as many as a run evaluates at once


@dataclass(frozen=True)
class Plan:
    """spec carries the batch size and whether dropout is active."""

    spec: LeNetSpec
    dtype: str
    seed: int
    steps: int
    oracle_steps: int  # at first: the oracle goes on where it is needed for a verdict
    threads: int
    timeout: float  # seconds, for one request
    train_count: int  # images in an epoch
    sizes: tuple[int, ...] = ()  # other batch sizes, of which one step each is judged
    evaluated_images: int = EVALUATED_IMAGES
    late: bool = False  # whether updates after the last step are judged too
    epoch: bool = True  # whether rung 2 looks at a whole epoch of batches
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
    def batch_size(self) -> int:
        return self.spec.training.batch_size

    @property
    def judged_steps(self) -> int:
        """How many steps rung 8 judges at the most."""
        return judged_steps(self.steps, self.dtype)

    @property
    def digest_steps(self) -> int:
        """Batches that rung 2 digests: over the end of an epoch, where input pipelines part."""
        epoch = -(-self.train_count // self.spec.training.batch_size) + 1
        return max(self.steps, epoch) if self.epoch else self.steps


@dataclass(frozen=True)
class Port:
    """What a worker loads: `module` (dotted, or a file's path) offers the class `trainer`."""

    label: str
    framework: str
    module: str
    trainer: str
    device: str
    bfloat16: tuple[str, str] | None = None  # module and class of its form in bfloat16

    def place(self, dtype: str) -> tuple[str, str]:
        """Return the module, and the class in it, that trains in `dtype`."""
        return self.bfloat16 if dtype == "bfloat16" and self.bfloat16 else (self.module, self.trainer)
