"""Tensors lie where the run says: in workers on the CPU, and on a trainer that leaves one behind."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from compare.data.batches import Batch
from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerRefused
from compare.protocol import messages
from compare.worker.placement import misplaced
from compare.worker.refusals import RefusedRequest
from compare.worker.session import Session
from lenet_spec import LeNetSpec, Training

# What `contract.Inspectable` asks of a trainer, but for `devices`.
INSPECTABLE = (
    *("step", "logits", "activations", "gradients", "parameters", "to_numpy", "synchronize"),
    *("variables", "device_of", "phases"),
)

# A reader's port that lies about its device, and about where its tensors are: what `devices` is for.
LEFT_BEHIND = """
from {framework}_impl import train

class Trainer(train.Trainer):
    def device_of(self, tensor):
        return "cuda" if tensor is self.variables["dense1/bias"] else super().device_of(tensor)
"""


def set_up(directory: Path, framework: str, module: str) -> messages.SetUp:
    """Return a request for a trainer that stands in a test's own module."""
    weights_path = directory / "weights.safetensors"
    safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
    spec = dataclasses.replace(LeNetSpec(), training=Training(batch_size=4))
    return Conditions(threads=1).set_up(framework, (module, "Trainer"), spec, weights_path)


def worker(directory: Path, framework: str) -> Worker:
    """Start a worker of one framework, with one thread."""
    return Conditions(threads=1).launch(framework, directory / "log")


@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_a_parameter_on_another_device_ends_the_set_up(tmp_path: Path, framework: str) -> None:
    """Through a real worker; the tensor, its device and the run's are named."""
    port = tmp_path / "port.py"
    port.write_text(LEFT_BEHIND.format(framework=framework))
    with worker(tmp_path, framework) as process, pytest.raises(WorkerRefused) as caught:
        process.request(set_up(tmp_path, framework, str(port)), messages.Ready, 120)
    if "is not installed" in str(caught.value):
        pytest.skip(str(caught.value))
    assert caught.value.kind == "device"
    assert "dense1/bias is on cuda, but the run is for cpu" in str(caught.value)


EVERYTHING = """
from {framework}_impl import train

class Trainer(train.Trainer):
    def gradients(self, *batch):
        import numpy as np
        return {{name: np.array([device == "cpu"]) for name, device in self.devices(*batch).items()}}
"""


@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_every_tensor_of_a_run_on_the_cpu_lies_there(tmp_path: Path, framework: str) -> None:
    """Parameters, activations and gradients, by their own frameworks' word."""
    port = tmp_path / "port.py"
    port.write_text(EVERYTHING.format(framework=framework))
    with worker(tmp_path, framework) as process:
        try:
            process.request(set_up(tmp_path, framework, str(port)), messages.Ready, 120)
        except WorkerRefused as refusal:
            pytest.skip(str(refusal))
        reply = process.request(messages.Gradients(), messages.Arrays, 120)
    on_cpu = safetensors.numpy.load(reply.safetensors)
    names = LeNetSpec().parameter_shapes()
    assert on_cpu.keys() == {
        *names,
        *(f"gradient {name}" for name in names),
        *(f"activation {name}" for name in LeNetSpec().activation_shapes()),
        *("loss", "logits"),
    }
    assert all(on_cpu.values())


def test_the_first_misplaced_tensor_is_named() -> None:
    """In the order given; where none is, there is nothing to say."""
    devices = {"conv1/kernel": "cuda", "activation flat": "cpu", "gradient conv1/kernel": "cpu"}
    assert (misplaced(devices, "cuda") or "").startswith("activation flat is on cpu")
    assert misplaced({"conv1/kernel": "cuda"}, "cuda") is None


def test_the_ladder_refuses_activations_on_another_device() -> None:
    """On a card, where everything lies is looked at before gradients are compared."""
    found: Any = Session.__new__(Session)
    found.request = SimpleNamespace(device="cuda", place=None)
    found.stream = lambda: iter([()])
    found.trainer = SimpleNamespace(
        **dict.fromkeys(INSPECTABLE, print), devices=lambda: {"activation pool1": "cpu"}
    )
    with pytest.raises(RefusedRequest, match="activation pool1 is on cpu"):
        found.gradients(None)


def test_a_worker_sees_one_card() -> None:
    """The first that the user left visible, in nvidia-smi's order; TensorFlow would open every one."""
    for shell, seen in ({}, "0"), ({"CUDA_VISIBLE_DEVICES": "2,1"}, "2"), ({"CUDA_VISIBLE_DEVICES": ""}, ""):
        environment = worker_environment(shell, device="cuda", threads=1, allocator="system")
        assert environment["CUDA_VISIBLE_DEVICES"] == seen
        assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_each_rank_sees_a_card_of_its_own() -> None:
    """The next one that the user left visible: NCCL refuses two ranks on one card."""
    for shell, seen in (
        ({}, "1"),
        ({"CUDA_VISIBLE_DEVICES": "2, 5"}, "5"),
        ({"CUDA_VISIBLE_DEVICES": "2"}, ""),
    ):
        environment = worker_environment(shell, device="cuda", threads=1, allocator="system", rank=1)
        assert environment["CUDA_VISIBLE_DEVICES"] == seen


@pytest.mark.parametrize("left", ["loss", "logits"])
def test_what_a_step_returns_must_lie_on_the_device(left: str) -> None:
    """Whatever the variant: inspection goes the eager way. Only the first step is looked at."""
    tensors = {name: FloatTensor("cpu" if name == left else "cuda") for name in ("loss", "logits")}
    found: Any = Session.__new__(Session)
    found.request = SimpleNamespace(device="cuda", place=None)
    found.trainer = SimpleNamespace(
        **dict.fromkeys(INSPECTABLE, print) | {"synchronize": list, "device_of": lambda one: one.device},
        devices=print,
    )
    found.trainer.step = lambda *_: (tensors["loss"], tensors["logits"])
    batch = Batch(np.zeros(1), np.zeros(1), None)
    with pytest.raises(RefusedRequest, match=f"the {left} of a step is on cpu"):
        found.timed_step(batch)
    found.timed_step(batch)
    found.results_placed = False
    found.trainer.step = lambda *_: (np.float32(1), np.zeros(1))  # which the framework read back itself
    found.timed_step(batch)


class FloatTensor:
    """A tensor of one number on a device."""

    def __init__(self, device: str) -> None:
        self.device = device

    def __float__(self) -> float:
        return 1.0
