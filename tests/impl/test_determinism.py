"""The same launch twice on a CPU gives the same losses to the last bit, with a framework's switch or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.numpy

from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.protocol import messages
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec
from tests.impl.test_variants import TIMEOUT_SECONDS, set_up

STEPS = 5


def losses(framework: str, directory: Path, *, deterministic: bool) -> tuple[list[float], dict[str, Any]]:
    """Of a fresh process, with what it read back of its settings."""
    weights_path = directory / "weights.safetensors"
    safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
    request = set_up(VARIANTS_BY_NAME[f"{framework}:eager"], "float32", weights_path, dropout=True)
    request = msgspec.structs.replace(request, deterministic=deterministic)
    with Conditions().launch(framework, directory / "log") as worker:
        ready = worker.request(request, messages.Ready, TIMEOUT_SECONDS)
        trained = worker.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS)
    return trained.losses, ready.runtime


@pytest.mark.usefixtures("all_cpus")
@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_two_launches_have_the_same_losses(framework: str, tmp_path: Path) -> None:
    """The switch is read back, and changes nothing that was the same without it."""
    switched, settings = losses(framework, tmp_path, deterministic=True)
    assert settings["deterministic"] is True
    again, _ = losses(framework, tmp_path, deterministic=True)
    assert switched == again
    plain, settings = losses(framework, tmp_path, deterministic=False)
    assert settings["deterministic"] is False
    assert plain == losses(framework, tmp_path, deterministic=False)[0]
