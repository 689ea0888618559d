"""Workers for benchmarks."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy

from compare.cpus import usable_cpus
from compare.data.weights import initial_weights
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerRefused, worker_command
from compare.protocol import messages
from lenet_spec import LeNetSpec, Training
from tests.bench.clock import CLOCK
from tests.cuda.pythons import cuda_python

TIMEOUT_SECONDS = 600


class Stepper:
    """A worker set up for one variant, device and batch size; `step` trains one batch and moves CLOCK."""

    def __init__(self, worker: Worker, ready: messages.Ready) -> None:
        self.worker, self.ready = worker, ready
        self.last_loss = 0.0

    def step(self) -> None:
        trained = self.worker.request(messages.Train(1), messages.Trained, TIMEOUT_SECONDS)
        self.last_loss = trained.losses[0]
        CLOCK.seconds += trained.step_seconds[0]


Start = Callable[..., Stepper]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workers; skips, saying why, where the framework or the device is missing."""
    workers: list[Worker] = []

    def start(framework: str, device: str, batch_size: int, **target: str) -> Stepper:
        environment = worker_environment(os.environ, device=device, threads=usable_cpus(), allocator="stable")
        worker = Worker(
            worker_command(cuda_python(framework) if device == "cuda" else sys.executable, framework),
            environment=environment,
            log_path=tmp_path / "worker.log",
            name=framework,
        )
        workers.append(worker)
        request = set_up_request(tmp_path, framework, device, batch_size, target)
        try:
            ready = worker.request(request, messages.Ready, TIMEOUT_SECONDS)
        except WorkerRefused as refusal:
            pytest.skip(str(refusal))
        return Stepper(worker, ready)

    yield start
    for worker in workers:
        worker.close()


def set_up_request(
    directory: Path, framework: str, device: str, batch_size: int, target: dict[str, Any]
) -> messages.SetUp:
    spec = dataclasses.replace(LeNetSpec(), training=Training(batch_size=batch_size))
    weights_path = directory / "weights.safetensors"
    safetensors.numpy.save_file(initial_weights(spec, 0), weights_path)
    return messages.SetUp(
        framework=framework,
        module=target["module"],
        trainer=target["trainer"],
        spec=dataclasses.asdict(spec),
        device=device,
        dtype="float32",
        seed=0,
        weights_path=str(weights_path),
        data_dir=None,
        threads=usable_cpus(),
    )
