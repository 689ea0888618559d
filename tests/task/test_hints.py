"""Hints about the first tensor that fails."""

from compare.protocol.task_messages import Leaf, Manifest
from compare.task.hints import between, settings_that_differ


def norm(path: str, **settings: object) -> Leaf:
    """Return a norm with these settings."""
    return Leaf(path, "batch_norm", settings=settings, tensors={"gamma": [2]})


def test_settings_that_differ_are_named_with_both_values() -> None:
    """The hint names the setting with both values."""
    hints = settings_that_differ(
        norm("a", epsilon=1e-3, momentum=0.99), norm("b", epsilon=1e-5, momentum=0.9)
    )
    assert hints == ["epsilon 0.001 in tf, 1e-05 in torch", "momentum 0.99 in tf, 0.9 in torch"]


def test_a_momentum_counted_from_the_other_end_is_the_same() -> None:
    """Momentums 0.99 and 0.01 count as equal, although 1 - 0.01 is not exactly 0.99."""
    assert settings_that_differ(norm("a", momentum=0.99), norm("b", momentum=1 - 0.01)) == []


def test_layers_without_parameters_before_a_layer_are_listed() -> None:
    """The hint lists only the layers since the last one with parameters."""
    relu = Leaf("relu", "ReLU", settings={"max_value": 6.0})
    pool = Leaf("pool", "MaxPooling2D")
    manifest = Manifest([pool, norm("a"), relu, norm("b")], ["pool", "a", "relu", "b"])
    assert between(manifest, "b") == ["ReLU(max_value 6)"]


def test_functions_and_activations_inside_a_layer_are_listed_too() -> None:
    """The hint lists torch's functions, and the activation inside a Keras layer."""
    dense = Leaf("a", "dense", settings={"activation": "gelu"}, tensors={"kernel": [1, 1]})
    other = Leaf("b", "dense", tensors={"kernel": [1, 1]}, before=["gelu(approximate tanh)"])
    assert between(Manifest([dense, norm("b")], ["a", "b"]), "b") == ["gelu"]
    assert between(Manifest([dense, other], ["a", "b"]), "b") == ["gelu(approximate tanh)"]


def test_a_recurrent_cells_activation_is_not_listed() -> None:
    """It acts inside the cell, before the output that agrees."""
    gru = Leaf("a", "gru", settings={"activation": "tanh"}, tensors={"kernel": [1, 3]})
    assert between(Manifest([gru, norm("b")], ["a", "b"]), "b") == []
