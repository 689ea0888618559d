"""TensorFlow on a card that is not there: each operation has a kernel for it, each tensor is on it."""

from __future__ import annotations

from typing import Any

import pytest

from compare.variants import VARIANTS
from tests.cuda.programs import printed

SECOND = "/job:localhost/replica:0/task:0/device:CPU:1"  # stands for the card


@pytest.fixture(scope="module", params=["plain", "deterministic"])
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what `tf_kernels` prints: by way of running, operations with their types, and devices.

    Deterministic, in float32 alone.
    """
    options = [] if request.param == "plain" else ["--deterministic", "--dtypes", "float32"]
    return printed("tf_kernels", *options, package="tensorflow")


def test_every_way_of_running_is_recorded(recorded: dict[str, Any]) -> None:
    """Each TensorFlow variant in each arithmetic that it takes: forward, backward, update and evaluation."""
    dtypes = recorded["dtypes"]
    ways = {f"{v.name} {d}" for v in VARIANTS for d in dtypes if v.framework == "tf" and v.takes(d)}
    assert dtypes in (["float32"], ["float64", "float32", "bfloat16"])
    assert recorded["operations"].keys() == ways
    for way, operations in recorded["operations"].items():
        names = {operation["name"] for operation in operations}
        assert {"Conv2D", "MatMul", "MaxPoolGrad"} <= names, way
        # deterministic, TensorFlow puts the loss together from smaller operations
        assert {"SoftmaxCrossEntropyWithLogits", "LogSoftmax"} & names, way
        dtype = way.split()[1]
        assert f"T={dtype}" in {one for o in operations if o["name"] == "Conv2D" for one in o["types"]}


def test_every_operation_has_a_kernel_for_a_card(recorded: dict[str, Any]) -> None:
    """By TensorFlow's own registry, for its types; what XLA compiles, by XLA's registry for a card."""
    missing = {
        (operation["name"], *operation["types"], "by XLA" if operation["compiled"] else "", way)
        for way, operations in recorded["operations"].items()
        for operation in operations
        if not operation["kernel"]
    }
    assert not missing


def test_every_tensor_is_on_the_device_of_the_run(recorded: dict[str, Any]) -> None:
    """With soft placement off: parameters, activations, gradients, and what each variant's step returns."""
    for way, devices in recorded["devices"].items():
        elsewhere = {name: device for name, device in devices.items() if device != SECOND}
        assert not elsewhere, way
        assert {
            "loss",
            "logits",
            "conv1/kernel",
            "gradient conv1/kernel",
            "activation conv1",
        } <= devices.keys()
        assert way.startswith("tf:keras") or "step's loss" in devices
