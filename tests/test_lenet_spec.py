"""The spec holds the tutorial's values, and what is derived follows from them."""

import ast
import dataclasses
import sys
from pathlib import Path

import pytest

from lenet_spec import LeNetSpec

SPEC = LeNetSpec()


def test_derived_sizes_are_those_of_the_tutorials_real_network() -> None:
    """The flat size is 1024, not the 3136 that the tutorial declares and never uses."""
    assert SPEC.flat_size == 1024
    assert SPEC.parameter_count == 1_111_946
    assert SPEC.classes == 10


def test_parameter_shapes_are_canonical() -> None:
    """Kernels are HWIO and [in, out], in the order of the network."""
    assert list(SPEC.parameter_shapes().items()) == [
        ("conv1/kernel", (5, 5, 1, 32)),
        ("conv1/bias", (32,)),
        ("conv2/kernel", (5, 5, 32, 64)),
        ("conv2/bias", (64,)),
        ("dense1/kernel", (1024, 1024)),
        ("dense1/bias", (1024,)),
        ("dense2/kernel", (1024, 10)),
        ("dense2/bias", (10,)),
    ]


def test_values_of_the_tutorial() -> None:
    """Rates, batch, steps and Adam's constants are those of the tutorial."""
    assert (SPEC.dropout.rate, SPEC.dropout.active) == (0.75, False)
    assert (SPEC.training.batch_size, SPEC.training.steps, SPEC.training.log_interval) == (128, 1000, 100)
    adam = SPEC.adam
    assert (adam.learning_rate, adam.beta1, adam.beta2, adam.epsilon_hat) == (1e-3, 0.9, 0.999, 1e-8)
    assert SPEC.data.validation_size == 5000


def test_same_padding_gives_the_flat_size_that_the_tutorial_declares() -> None:
    """With same padding in both convolutions the flat size would be 7 x 7 x 64."""
    same = dataclasses.replace(
        SPEC,
        conv1=dataclasses.replace(SPEC.conv1, padding="same"),
        conv2=dataclasses.replace(SPEC.conv2, padding="same"),
    )
    assert same.flat_size == 3136


def test_stride_shrinks_the_output() -> None:
    """A stride of 2 halves each side, rounding up."""
    strided = dataclasses.replace(SPEC.conv1, stride=2)
    assert strided.output_shape((28, 28, 1)) == (12, 12, 32)
    assert dataclasses.replace(strided, padding="same").output_shape((27, 27, 1)) == (14, 14, 32)


def test_operations_of_a_step_counted_by_hand() -> None:
    """Forward multiply-adds of each layer, twice for conv1 and three times for the others."""
    conv1 = 24 * 24 * 32 * 25
    conv2 = 8 * 8 * 64 * 25 * 32
    dense1, dense2 = 1024 * 1024, 1024 * 10
    assert SPEC.training_flops(1) == 2 * (2 * conv1 + 3 * (conv2 + dense1 + dense2))
    assert SPEC.training_flops(128) == 128 * SPEC.training_flops(1)


def test_the_spec_is_frozen() -> None:
    """Nobody can change the spec for one side only."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.adam.epsilon_hat = 1e-7  # type: ignore[misc]


def test_the_spec_needs_the_standard_library_only() -> None:
    """Every import of lenet_spec is of the standard library."""
    tree = ast.parse(Path(sys.modules["lenet_spec"].__file__ or "").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)


@pytest.mark.parametrize("package", ["tf_impl", "torch_impl"])
def test_every_field_of_the_spec_is_read_by_both_implementations(package: str) -> None:
    """A field that an implementation ignores is a promise that it does not keep."""
    sources = "".join(path.read_text() for path in (Path(__file__).parents[1] / package).glob("*.py"))
    for name in ("filters", "kernel_size", "stride", "padding", "activation", "size", "units", "rate"):
        assert f".{name}" in sources, name
    for name in ("learning_rate", "beta1", "beta2", "epsilon_hat", "loss_reduction"):
        assert f".{name}" in sources, name
