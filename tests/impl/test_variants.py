"""Every variant of a framework computes what its eager one computes, in workers of their own."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from compare.config import usable_cpus
from compare.processes import messages
from compare.processes.environment import worker_environment
from compare.processes.launcher import Worker, WorkerRefused, worker_command
from compare.variants import BY_NAME, VARIANTS
from compare.weights import initial_weights
from lenet_spec import Dropout, LeNetSpec, Training

STEPS = 3
TIMEOUT_SECONDS = 300
ON_CPU = [variant.name for variant in VARIANTS if "cpu" in variant.devices]
# Keras rounds beta2 to float32: its first steps are 7e-6 longer (docs/parity.md)
LOSS_TOLERANCE = {"tf:keras": 1e-4}

Trained = tuple[list[float], dict[str, np.ndarray]]


def train(name: str, dropout: bool, directory: Path) -> Trained:
    """Losses and parameters of a few float64 steps on batches of 16."""
    variant = BY_NAME[name]
    spec = dataclasses.replace(LeNetSpec(), dropout=Dropout(active=dropout), training=Training(batch_size=16))
    weights_path = directory / f"{variant.framework}-{variant.variant}-{dropout}.safetensors"
    safetensors.numpy.save_file(initial_weights(spec, 0), weights_path)
    request = messages.SetUp(
        framework=variant.framework,
        module=variant.module,
        trainer=variant.trainer,
        spec=dataclasses.asdict(spec),
        device="cpu",
        dtype="float64",
        seed=0,
        weights_path=str(weights_path),
        data_dir=None,
        threads=usable_cpus(),
    )
    environment = worker_environment(os.environ, device="cpu", threads=usable_cpus(), allocator="stable")
    command = worker_command(sys.executable, variant.framework)
    with Worker(command, environment=environment, log_path=directory / "log", name=name) as worker:
        try:
            worker.request(request, messages.Ready, TIMEOUT_SECONDS)
        except WorkerRefused as refusal:
            pytest.skip(f"{name}: {refusal}")
        trained = worker.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS)
        arrays = worker.request(messages.Parameters(), messages.Arrays, TIMEOUT_SECONDS)
    return trained.losses, safetensors.numpy.load(arrays.safetensors)


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Trained]:
    """What the eager variants do, with dropout off and on."""
    directory = tmp_path_factory.mktemp("eager")
    return {
        (framework, dropout): train(f"{framework}:eager", dropout, directory)
        for framework in ("tf", "torch")
        for dropout in (False, True)
    }


@pytest.mark.parametrize("dropout", [False, True], ids=["inactive", "active"])
@pytest.mark.parametrize("name", [name for name in ON_CPU if not name.endswith(":eager")])
def test_a_variant_computes_what_eager_does(name: str, dropout: bool, eager, tmp_path: Path):
    """Losses of three steps agree in float64, and every parameter moves the same way."""
    losses, parameters = train(name, dropout, tmp_path)
    expected_losses, expected = eager[BY_NAME[name].framework, dropout]
    tolerance = LOSS_TOLERANCE.get(name, 1e-13)
    np.testing.assert_allclose(losses, expected_losses, rtol=0, atol=tolerance)
    assert parameters.keys() == expected.keys()
    for parameter, value in parameters.items():
        np.testing.assert_allclose(value, expected[parameter], rtol=0, atol=1e4 * tolerance)


def test_dropout_changes_the_losses(eager):
    """The masks reach the network."""
    for framework in ("tf", "torch"):
        assert eager[framework, False][0] != eager[framework, True][0]


def test_every_variant_says_what_it_changes_and_who_would_choose_it():
    """The documentation of a variant is part of it, and its name is taken once."""
    assert len(BY_NAME) == len(VARIANTS)
    for variant in VARIANTS:
        assert variant.changes
        assert variant.choose_when
        assert variant.devices


def test_each_framework_has_an_eager_variant_first():
    """The pair that the default run compares."""
    names = [variant.name for variant in VARIANTS]
    assert next(name for name in names if name.startswith("tf")) == "tf:eager"
    assert next(name for name in names if name.startswith("torch")) == "torch:eager"
