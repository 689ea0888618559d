"""Layers of one model find their partners in the other, and nothing is guessed."""

import pytest

from compare.errors import UserError
from compare.protocol.task_messages import Leaf
from compare.task.alignment import Pair, align, lines_to_paste
from tests.task.manifests import dense, manifest, recorded


def paths(found: list[Pair]) -> list[tuple[str, str]]:
    """Return the pairs by their paths."""
    return [(left.path, right.path) for left, right in found]


def test_a_real_pair_with_the_same_order_is_matched_whole() -> None:
    """All 105 layers of MobileNetV2 with parameters find their partners in the same order."""
    found = align(*recorded("mobilenet"), {})
    assert found.complete
    assert len(found.pairs) == 105
    assert paths(found.pairs)[0] == ("Conv1", "features.0.0")
    assert paths(found.pairs)[-1] == ("predictions", "classifier.1")


def test_layers_called_in_another_order_are_told_by_what_flows_in() -> None:
    """ResNet50's shortcut is matched, although it shares a shape and torch calls it later."""
    found = dict(paths(align(*recorded("resnet"), {}).pairs))
    assert found["conv2_block1_0_conv"] == "layer1.0.downsample.0"
    assert found["conv2_block1_3_conv"] == "layer1.0.conv3"


def test_swapped_branches_are_matched_by_input_not_by_order() -> None:
    """Two layers of one shape are matched even if they are called in opposite orders."""
    left = manifest(dense("a", seen=1.0), dense("b", seen=2.0))
    right = manifest(dense("x", seen=2.0), dense("y", seen=1.0))
    assert paths(align(left, right, {}).pairs) == [("a", "y"), ("b", "x")]


def test_one_input_and_equal_ends_of_paths_decide_before_order() -> None:
    """Query and key have the same input and shape, so their names decide."""
    left = manifest(dense("attention/query"), dense("attention/key"))
    right = manifest(dense("block.key"), dense("block.query"))
    assert paths(align(left, right, {}).pairs) == [
        ("attention/query", "block.query"),
        ("attention/key", "block.key"),
    ]


def test_order_decides_when_a_mistake_upstream_changes_every_input() -> None:
    """If every input differs, layers are matched in order, so that the first wrong layer can be named."""
    left = manifest(dense("a", seen=1.0), dense("b", seen=2.0))
    right = manifest(dense("x", seen=5.0), dense("y", seen=6.0))
    assert paths(align(left, right, {}).pairs) == [("a", "x"), ("b", "y")]


def test_a_layer_that_alone_has_its_shape_is_matched_out_of_order() -> None:
    """A layer whose shape is unique is matched even after a mistake upstream."""
    left = manifest(dense("a", 4, 3, seen=1.0), dense("b", 5, 3, seen=2.0))
    right = manifest(dense("x", 5, 3, seen=7.0), dense("y", 4, 3, seen=8.0))
    assert paths(align(left, right, {}).pairs) == [("a", "y"), ("b", "x")]


def test_another_shape_finds_no_partner_and_the_lines_to_paste_name_it() -> None:
    """A layer of another shape has no partner, and no array is transposed to fit."""
    left, right = manifest(dense("a", 4, 3)), manifest(dense("x", 3, 4))
    found = align(left, right, {})
    assert not found.pairs
    assert lines_to_paste(found) == ["pairs = {", '    "a": "x",  # dense [4, 3]', "}"]


def test_a_layer_of_ones_own_is_offered_for_one_with_its_shapes() -> None:
    """Its class has another name on each side, which makes it another kind."""
    left = manifest(
        Leaf("a", "Scale", tensors={"w": [4, 3], "b": [3]}), Leaf("c", "Last", tensors={"w": [2]})
    )
    right = manifest(Leaf("x", "Own", tensors={"bias": [3], "w": [4, 3]}), dense("y", 5))
    lines = ["pairs = {", '    "a": "x",  # Scale', "}"]
    assert lines_to_paste(align(left, right, {})) == lines


def test_a_declared_pair_comes_first() -> None:
    """A pair that the porter declares overrides kind, shape and order."""
    left, right = manifest(dense("a", 4, 3)), manifest(dense("x", 3, 4))
    assert paths(align(left, right, {"a": "x"}).pairs) == [("a", "x")]


def test_a_declared_pair_that_is_not_there_is_refused_with_what_is_near() -> None:
    """The message names the side and the layers with the most similar ends of paths."""
    with pytest.raises(UserError, match=r"torch model has no layer z .*Near it: x"):
        align(manifest(dense("a")), manifest(dense("x")), {"a": "z"})
