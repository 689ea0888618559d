"""Every variant of a framework computes what its eager one computes, in workers of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from compare.data.weights import initial_weights
from compare.processes.conditions import Conditions
from compare.processes.launcher import WorkerRefused
from compare.protocol import messages
from compare.variants import VARIANTS, VARIANTS_BY_NAME, Variant
from lenet_spec import Dropout, LeNetSpec, Training

STEPS = 3
TIMEOUT_SECONDS = 300
LOSS_TOLERANCE = 1e-13  # 1e-15 was measured
PARAMETER_TOLERANCE = 1e-9  # Adam turns rounding in a gradient near zero into a step
ON_CPU = [variant.name for variant in VARIANTS if "cpu" in variant.devices]
OTHERS = [
    pytest.param(name, marks=pytest.mark.proof) if name == "torch:compiled" else name
    for name in ON_CPU
    if not name.endswith(":eager")
]


@dataclass
class Computed:
    """What one variant did: in float64, by dropout (only eager with it too), and in float32, with dropout."""

    losses: dict[bool, list[float]] = field(default_factory=dict)
    parameters: dict[bool, dict[str, np.ndarray]] = field(default_factory=dict)
    float32_gradients: dict[str, np.ndarray] = field(default_factory=dict)


def set_up(variant: Variant, dtype: str, weights_path: Path, *, dropout: bool) -> messages.SetUp:
    """Batches of 16: enough to tell wrong from right, and not the 128 of every other test."""
    spec = dataclasses.replace(LeNetSpec(), dropout=Dropout(active=dropout), training=Training(batch_size=16))
    place = (variant.module, variant.trainer)
    return Conditions().set_up(variant.framework, place, spec, weights_path, dtype=dtype)


def compute(variant: Variant, directory: Path) -> Computed:
    """One worker for all of it; raises WorkerRefused where the variant cannot run here."""
    weights_path = directory / "weights.safetensors"
    safetensors.numpy.save_file(initial_weights(LeNetSpec(), 0), weights_path)
    computed = Computed()
    with Conditions().launch(variant.framework, directory / "log", name=variant.name) as worker:

        def ask(request: Any, reply: Any) -> Any:
            return worker.request(request, reply, TIMEOUT_SECONDS)

        for dropout in (False, True) if variant.name not in OTHERS else (False,):
            ask(set_up(variant, "float64", weights_path, dropout=dropout), messages.Ready)
            computed.losses[dropout] = ask(messages.Train(STEPS), messages.Trained).losses
            parameters = ask(messages.Parameters(), messages.Arrays).safetensors
            computed.parameters[dropout] = safetensors.numpy.load(parameters)
        ask(set_up(variant, "float32", weights_path, dropout=True), messages.Ready)
        gradients = ask(messages.Gradients(), messages.Arrays).safetensors
        computed.float32_gradients = safetensors.numpy.load(gradients)
    return computed


Compute = Callable[[str], Computed]


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Compute:
    """Return a variant's results by its name, worked out once."""
    done: dict[str, Computed] = {}

    def by_name(name: str) -> Computed:
        if name not in done:
            try:
                done[name] = compute(VARIANTS_BY_NAME[name], tmp_path_factory.mktemp(name.replace(":", "-")))
            except WorkerRefused as refusal:
                pytest.skip(f"{name}: {refusal}")
        return done[name]

    return by_name


@pytest.mark.parametrize("name", OTHERS)
def test_a_variant_computes_what_eager_does(name: str, computed: Compute) -> None:
    """Losses of three steps agree in float64, and every parameter moves the same way."""
    variant, eager = computed(name), computed(f"{VARIANTS_BY_NAME[name].framework}:eager")
    np.testing.assert_allclose(
        variant.losses[False], eager.losses[False], rtol=0, atol=LOSS_TOLERANCE, err_msg=name
    )
    start = initial_weights(LeNetSpec(), 0)
    assert variant.parameters[False].keys() == eager.parameters[False].keys() == start.keys()
    for parameter, value in variant.parameters[False].items():
        expected = eager.parameters[False][parameter]
        np.testing.assert_allclose(value, expected, rtol=0, atol=PARAMETER_TOLERANCE, err_msg=parameter)
        assert np.abs(value - start[parameter]).max() > STEPS * 1e-4, f"{parameter} does not move"


@pytest.mark.parametrize("name", OTHERS)
def test_gradients_agree_in_float32_too(name: str, computed: Compute) -> None:
    """With dropout. Some kernels (oneDNN's tensors in torch:tuned) exist in float32 alone."""
    gradients = computed(name).float32_gradients
    eager = computed(f"{VARIANTS_BY_NAME[name].framework}:eager").float32_gradients
    for parameter, expected in eager.items():
        allowed = 2e-5 * np.abs(expected).max()  # 2e-6 was measured
        np.testing.assert_allclose(gradients[parameter], expected, rtol=0, atol=allowed, err_msg=parameter)


def test_dropout_changes_the_losses(computed: Compute) -> None:
    """The masks reach the network."""
    for framework in ("tf", "torch"):
        eager = computed(f"{framework}:eager")
        assert eager.losses[False] != eager.losses[True]


def test_every_variant_says_what_it_changes_and_who_would_choose_it() -> None:
    """The documentation of a variant is part of it, and its name is taken once."""
    assert len(VARIANTS_BY_NAME) == len(VARIANTS)
    for variant in VARIANTS:
        assert variant.changes
        assert variant.choose_when
        assert variant.devices


def test_each_framework_has_an_eager_variant_first() -> None:
    """The pair that the default run compares."""
    names = [variant.name for variant in VARIANTS]
    assert next(name for name in names if name.startswith("tf")) == "tf:eager"
    assert next(name for name in names if name.startswith("torch")) == "torch:eager"
