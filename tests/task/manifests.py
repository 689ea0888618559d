"""Manifests that real workers sent, and small ones made by hand."""

from pathlib import Path

import msgspec

from compare.protocol.task_messages import Leaf, Manifest

FOLDER = Path(__file__).parent / "manifests"


def recorded(network: str) -> tuple[Manifest, Manifest]:
    """Return TensorFlow's and torch's manifest of a pair of docs/examples/networks."""
    tf, torch = (
        msgspec.json.decode((FOLDER / f"{network}-{side}.json").read_bytes(), type=Manifest)
        for side in ("tf", "torch")
    )
    return tf, torch


def dense(path: str, inside: int = 4, outside: int = 3, seen: float = 1.0) -> Leaf:
    """Return a dense layer; `seen` stands for the numbers that flow in."""
    tensors = {"kernel": [inside, outside], "bias": [outside]}
    return Leaf(
        path, "dense", tensors=tensors, calls=1, input=[2, inside], fingerprint=[seen, -seen, 0.5, 2.0]
    )


def manifest(*leaves: Leaf) -> Manifest:
    """Return a manifest of layers called in this order."""
    return Manifest(list(leaves), [leaf.path for leaf in leaves])
