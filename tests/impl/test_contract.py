"""Every implementation is held to the contract, and a port may offer the required part of it alone."""

from __future__ import annotations

import ast
from pathlib import Path

from compare.variants import VARIANTS
from compare.worker import frameworks
from compare.worker.contract import Inspectable, OwnBatches


def held_trainers() -> set[str]:
    """Return the trainers that mypy holds to the contract, as `module.Class`."""
    tree = ast.parse(Path(frameworks.__file__).read_text())
    lists = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TRAINERS"
    ]
    assert isinstance(lists[0], ast.List)
    return {ast.unparse(element) for element in lists[0].elts}


def test_mypy_holds_every_variant_to_the_contract() -> None:
    """A variant that is added must be added to the list that mypy checks, in each of its forms."""
    places = {variant.place(dtype) for variant in VARIANTS for dtype in ("float32", "bfloat16")}
    places |= {place for variant in VARIANTS if (place := variant.rank_place())}
    assert held_trainers() == {f"{module}.{trainer}" for module, trainer in places}


class Port:
    """Offers what is required, and its own batches."""

    step = logits = activations = gradients = parameters = to_numpy = synchronize = print
    batches = print


class InspectablePort(Port):
    """Offers all of the contract."""

    variables = device_of = devices = phases = print


def test_what_a_port_offers_beyond_the_required_part_is_recognised() -> None:
    """By its methods: a port needs no base class, and leaves the harness no part of one."""
    assert not isinstance(Port(), Inspectable)
    assert isinstance(InspectablePort(), Inspectable)
    assert isinstance(Port, OwnBatches)
    assert not isinstance(object, OwnBatches)
