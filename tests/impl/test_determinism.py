"""The same launch twice on a CPU gives the same losses to the last bit, with a framework's switch or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.numpy

from compare.config import ALL, RunConfig, entrants
from compare.config_rules import check
from compare.data.weights import initial_weights
from compare.errors import UserError
from compare.experiment.starting import note_ready
from compare.ladder.gate import about_determinism
from compare.processes.conditions import Conditions
from compare.protocol import messages
from compare.records.results import Launch
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec
from tests.impl.test_variants import TIMEOUT_SECONDS, set_up
from tests.processes.test_fairness import READY

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


@pytest.mark.proof
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


def test_a_variant_that_determinism_makes_a_loop_of_is_left_out_on_a_card() -> None:
    """`all` leaves it out there, and only there, beside the verdict of parity; named alone, it is refused."""
    config = replace(RunConfig(), device=("cpu", "cuda"), variants=ALL, deterministic=True)
    xla = {entrant.device for entrant in entrants(config) if entrant.label == "tf:xla"}
    assert xla == {"cpu"}
    assert about_determinism("all", "cpu,cuda") == [
        "left out on cuda, because --deterministic makes its pooling a loop: tf:xla"
    ]
    assert about_determinism("all", "cpu") == about_determinism("tf:eager", "cuda") == []
    named = replace(config, device=("cuda",), variants=("tf:xla",))
    with pytest.raises(UserError, match="tf:xla on cuda does not fit --deterministic: XLA"):
        check(named)
    check(replace(named, device=("cpu", "cuda")))
    check(replace(named, deterministic=False))


def test_what_xla_compiles_is_not_tuned_by_cudnns_switch() -> None:
    """The variable is there for both; it says nothing of XLA's kernels."""
    runtime = {"threads": {}, "versions": {}, "device_name": "a card", "cudnn_autotune": True}
    ready = msgspec.structs.replace(READY, runtime=runtime)
    for label, device, told in (
        ("tf:xla", "cuda", None),
        ("tf:keras", "cuda", None),
        ("tf:keras", "cpu", True),
        ("tf:graph", "cuda", True),
    ):
        run = Launch("tf", label.partition(":")[2], device, "float32", 0, label)
        note_ready(run, ready)
        assert run.runtime["cudnn_autotune"] is told
