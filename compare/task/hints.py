"""Finds settings that differ and could explain the first failing tensor. They do not affect the verdict."""

from __future__ import annotations

from typing import Any

from compare.protocol.task_messages import Leaf, Manifest

# Settings that follow from the framework, or that are reported elsewhere.
NO_HINT = ("running variance", "rows", "sequence", "activation", "biases", "merge")


def settings_that_differ(left: Leaf, right: Leaf) -> list[str]:
    """Return lines such as `epsilon 0.001 in tf, 1e-05 in torch`."""
    hints = []
    for name in [*left.settings, *(one for one in right.settings if one not in left.settings)]:
        if name in NO_HINT:
            continue
        own, other = left.settings.get(name), right.settings.get(name)
        if name in left.settings and name in right.settings and not same(own, other):
            hints.append(f"{name} {value_in_words(own)} in tf, {value_in_words(other)} in torch")
    if left.frozen != right.frozen:
        hints += frozen(left, right)
    if left.calls != right.calls:
        hints.append(f"called {left.calls} times in tf, {right.calls} in torch")
    return hints


def frozen(left: Leaf, right: Leaf) -> list[str]:
    return [
        f"{', '.join(own.frozen)} not trained in {side}"
        for side, own in (("tf", left), ("torch", right))
        if own.frozen
    ]


def same(own: Any, other: Any) -> bool:
    """Return whether two settings are equal within rounding: 1 - 0.01 and 0.99 are the same momentum."""
    if isinstance(own, float | int) and isinstance(other, float | int):
        return abs(own - other) <= 1e-12 * max(abs(own), abs(other), 1e-300)
    return bool(own == other)


def value_in_words(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def between(manifest: Manifest, path: str) -> list[str]:
    """Return, in words, what runs between the previous layer with parameters and this layer.

    These are functions if the framework shows them; else layers without parameters, and activations.
    """
    leaves = {leaf.path: leaf for leaf in manifest.leaves}
    if path in leaves and leaves[path].before:
        return leaves[path].before
    found: list[str] = []
    for own in manifest.order[: manifest.order.index(path)] if path in manifest.order else []:
        leaf = leaves[own]
        inside = leaf.kind.endswith(("lstm", "gru", "rnn"))  # of a cell, not of what comes out
        activation = None if inside else leaf.settings.get("activation")
        found = [*found, described(leaf)] if not leaf.tensors else [str(activation)] if activation else []
    return found


def described(leaf: Leaf) -> str:
    settings = ", ".join(f"{name} {value_in_words(value)}" for name, value in leaf.settings.items())
    return f"{leaf.kind}({settings})" if settings else leaf.kind


def look_between(left: Manifest, right: Manifest, paths: tuple[str, str]) -> list[str]:
    """Return what runs before the layer on each side, for a layer with a different input."""
    found = []
    for side, manifest, path in (("tf", left, paths[0]), ("torch", right, paths[1])):
        layers = between(manifest, path)
        found.append(f"before it in {side}: {', then '.join(layers) or 'no layer'}")
    return found
