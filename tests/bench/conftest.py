"""Workers for benchmarks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import safetensors.numpy

from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.processes.launcher import Worker, WorkerRefused
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
    """Start workers; skip, saying why, if the framework or the device is missing."""
    workers: list[Worker] = []

    def start(framework: str, device: str, batch_size: int, **target: str) -> Stepper:
        conditions = Conditions(device)
        python = Path(cuda_python(framework)) if device == "cuda" else None
        worker = conditions.launch(framework, tmp_path / "worker.log", python=python)
        workers.append(worker)
        spec = dataclasses.replace(LeNetSpec(), training=Training(batch_size=batch_size))
        weights_path = tmp_path / "weights.safetensors"
        safetensors.numpy.save_file(initial_weights(spec, 0), weights_path)
        place = (target["module"], target["trainer"])
        request = conditions.set_up(framework, place, spec, weights_path)
        try:
            ready = worker.request(request, messages.Ready, TIMEOUT_SECONDS)
        except WorkerRefused as refusal:
            pytest.skip(str(refusal))
        return Stepper(worker, ready)

    yield start
    for worker in workers:
        worker.close()
