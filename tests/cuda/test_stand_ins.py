"""What runs on a card alone, on the CPU: fake tensors, CUDA graphs as lists of operations, Keras with XLA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.numpy

from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.processes.launcher import WorkerRefused
from compare.protocol import messages
from compare.variants import VARIANTS_BY_NAME
from lenet_spec import LeNetSpec
from tests.cuda.programs import printed
from tests.impl.test_variants import TIMEOUT_SECONDS, set_up

STEPS = 5
KERAS_XLA = Path(__file__).with_name("keras_xla.py")  # imports TensorFlow: for a worker


@pytest.fixture(scope="module")
def fake() -> dict[str, Any]:
    """Return the devices of every tensor, and the errors of faulty trainers."""
    return printed("torch_fake", package="torch")


@pytest.fixture(scope="module")
def graphs() -> dict[str, Any]:
    """Return what eager training and replayed graphs came to."""
    return printed("torch_graphs", package="torch")


def test_every_tensor_is_on_the_card(fake: dict[str, Any]) -> None:
    """Forward on "cuda"; whole updates on a device that torch made up, down to what Adam remembers."""
    assert {one["device"] for one in fake["devices"]} == {"cuda", "made_up"}
    for one in fake["devices"]:
        assert set(one["seen"].values()) == {one["device"]}, one["way"]
        assert {"loss", "logits", "conv1/kernel", "activation flat"} <= one["seen"].keys()
        if one["device"] == "made_up":
            assert {"gradient conv1/kernel", "step's loss", "optimizer 0"} <= one["seen"].keys()


@pytest.mark.parametrize(
    ("faulty", "error"),
    [
        ("ReadsBack", "DataDependentOutputException"),
        ("MixesDevices", "Expected all tensors to be on the same device, .* cuda:0 and cpu"),
        ("MixesDtypes", "should be the same"),
    ],
)
def test_what_would_fail_or_wait_on_a_card_raises(fake: dict[str, Any], faulty: str, error: str) -> None:
    """So that the test above can fail."""
    assert pytest.RaisesExc(RuntimeError, match=error).matches(RuntimeError(fake["errors"][faulty]))


def test_products_are_timed_between_two_fences(fake: dict[str, Any]) -> None:
    """After one that is not counted; a fence for each would be part of a short product's time."""
    assert fake["fences"] == [1, 9]


def test_replayed_graphs_train_as_eager_does(graphs: dict[str, Any]) -> None:
    """To the last bit, over batches of several sizes, each replayed after others, in every arithmetic."""
    assert len(graphs["pairs"]) == 3
    for way, (eager, replayed) in graphs["pairs"].items():
        assert replayed == eager, way


@pytest.mark.parametrize(
    ("faulty", "wrong"),
    [
        ("WithoutClones", {"losses", "logits"}),
        ("WithoutRebinding", {"losses", "logits", "parameters"}),
        ("StaleBatch", {"losses", "logits", "parameters"}),
    ],
)
def test_a_faulty_replay_is_told(graphs: dict[str, Any], faulty: str, wrong: set[str]) -> None:
    """So that the test above can fail."""
    eager, _ = graphs["pairs"]["float64"]
    assert {name for name, value in graphs["faulty"][faulty].items() if value != eager[name]} == wrong


def test_keras_compiled_by_xla_trains_as_eager_does(tmp_path: Path) -> None:
    """With Adam's numbers exact in float64, as on the ladder; a rounded one shows after a step."""
    weights_path = tmp_path / "weights.safetensors"
    safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
    losses = []
    with Conditions().launch("tf", tmp_path / "log") as worker:
        for name, module in (("tf:eager", None), ("tf:keras", str(KERAS_XLA))):
            request = set_up(VARIANTS_BY_NAME[name], "float64", weights_path, dropout=True)
            request = msgspec.structs.replace(request, exact=True, module=module or request.module)
            try:
                worker.request(request, messages.Ready, TIMEOUT_SECONDS)
            except WorkerRefused as refusal:
                pytest.skip(str(refusal))
            losses.append(worker.request(messages.Train(STEPS), messages.Trained, TIMEOUT_SECONDS).losses)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-13)
    assert losses[0][-1] != losses[0][0]
