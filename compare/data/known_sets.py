"""Recognizes the field's data sets by their content. Standard library only."""

from __future__ import annotations

MNIST = "MNIST"
UNKNOWN = "a data set of MNIST's shape"  # not the name of its directory, which may be a person's name

# The keys are `mnist.digest` of the arrays, with 5,000 images set aside. The file format does not matter.
NAMES = {
    "ae7d4a3f80cc9bcbbaaf16e5fe57ccfc21d9f84de731c4d59351d16aa656b8cb": MNIST,
    "495487dfc114c38c8a0f93c3edcf8b22fd3d9cfb74e6b83c7df3872a694fc0e4": "Fashion-MNIST",
}


def set_name(sha256: str) -> str:
    """Return the name of the set with that digest, or UNKNOWN."""
    return NAMES.get(sha256, UNKNOWN)
