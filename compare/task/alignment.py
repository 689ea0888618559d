"""Matches the layers of two models. Pure functions of two manifests; nothing is guessed.

It tries, in this order: pairs that the task declares; layers with a unique kind, shape and input; if several
layers share these, those with the same last part of their path; the same order of calls; and, among the rest,
layers with a unique kind and shape. If a layer has no partner, the ladder stops, with lines to paste into
`pairs`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from compare.errors import UserError
from compare.protocol.task_messages import Leaf, Manifest

MAIN = ("kernel", "forward/kernel", "query/kernel", "embeddings", "alpha", "moving_mean", "gamma", "beta")
SAME_INPUT = 1e-6  # relative: in float32, two sides' fingerprints of the same input differ by about 1e-7

Pair = tuple[Leaf, Leaf]


@dataclass
class Alignment:
    """pairs: in the order of the first model's calls. The other fields: leaves that have no partner."""

    pairs: list[Pair] = field(default_factory=list)
    left_alone: list[Leaf] = field(default_factory=list)
    right_alone: list[Leaf] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.left_alone and not self.right_alone


def align(left: Manifest, right: Manifest, declared: Mapping[str, str]) -> Alignment:
    """Return the alignment of two models. Raises UserError if a declared pair names a missing layer."""
    lefts, rights = with_tensors(left), with_tensors(right)
    found = [pair_named(lefts, rights, *paths) for paths in declared.items()]
    rest = without(lefts, [one for one, _ in found]), without(rights, [one for _, one in found])
    for step in (pairs_by_input, by_path, by_order, by_shape):
        more = step(*rest)
        found += more
        rest = without(rest[0], [one for one, _ in more]), without(rest[1], [one for _, one in more])
    place = {leaf.path: number for number, leaf in enumerate(lefts)}
    found.sort(key=lambda pair: place[pair[0].path])
    return Alignment(found, *rest)


def with_tensors(manifest: Manifest) -> list[Leaf]:
    return [leaf for leaf in manifest.leaves if leaf.tensors]


def without(leaves: Sequence[Leaf], taken: Sequence[Leaf]) -> list[Leaf]:
    paths = {leaf.path for leaf in taken}
    return [leaf for leaf in leaves if leaf.path not in paths]


def pair_named(lefts: Sequence[Leaf], rights: Sequence[Leaf], left: str, right: str) -> Pair:
    return leaf_named(lefts, left, "TensorFlow"), leaf_named(rights, right, "torch")


def leaf_named(leaves: Sequence[Leaf], path: str, side: str) -> Leaf:
    found = next((leaf for leaf in leaves if leaf.path == path), None)
    if found is None:
        near = sorted(leaves, key=lambda leaf: -common_end(leaf.path, path))[:3]
        raise UserError(
            f"pairs: the {side} model has no layer {path} with parameters. "
            f"Near it: {', '.join(leaf.path for leaf in near)}."
        )
    return found


def common_end(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(one[::-1], other[::-1], strict=False)) if a != b),
        min(len(one), len(other)),
    )


def key(leaf: Leaf) -> Hashable:
    """Return a layer's kind and its main tensor's shape. A bias does not count: one side may lack it."""
    main = next((name for name in MAIN if name in leaf.tensors), min(leaf.tensors))
    return leaf.kind, tuple(leaf.tensors[main])


def pairs_by_input(lefts: Sequence[Leaf], rights: Sequence[Leaf]) -> list[Pair]:
    """Match layers if no other layer on either side has the same key and the same input."""
    grouped = grouped_by(key, rights)
    pairs = []
    for own in grouped_by(key, lefts).values():
        others = grouped.get(key(own[0]), [])
        for leaf in own:
            twins = [one for one in own if take_the_same_input(one, leaf)]
            found = [one for one in others if take_the_same_input(one, leaf)]
            if len(twins) == len(found) == 1:
                pairs.append((leaf, found[0]))
    return pairs


def by_path(lefts: Sequence[Leaf], rights: Sequence[Leaf]) -> list[Pair]:
    """Match layers that share key and input (query, key and value) by the last part of their paths."""
    pairs = []
    for leaf in lefts:
        others = [one for one in rights if key(one) == key(leaf) and take_the_same_input(one, leaf)]
        twins = [one for one in lefts if key(one) == key(leaf) and take_the_same_input(one, leaf)]
        named = [one for one in others if last(one.path) == last(leaf.path)]
        if len(named) == 1 and sum(last(one.path) == last(leaf.path) for one in twins) == 1:
            pairs.append((leaf, named[0]))
    return pairs


def last(path: str) -> str:
    return path.replace("/", ".").rpartition(".")[2]


def by_order(lefts: Sequence[Leaf], rights: Sequence[Leaf]) -> list[Pair]:
    """Match along the longest common subsequence of the keys, in the order of calls."""
    table = lengths([key(leaf) for leaf in lefts], [key(leaf) for leaf in rights])
    pairs, row, column = [], 0, 0
    while row < len(lefts) and column < len(rights):
        if key(lefts[row]) == key(rights[column]):
            pairs.append((lefts[row], rights[column]))
            row, column = row + 1, column + 1
        elif table[row + 1][column] >= table[row][column + 1]:
            row += 1
        else:
            column += 1
    return pairs


def by_shape(lefts: Sequence[Leaf], rights: Sequence[Leaf]) -> list[Pair]:
    """Match layers if no other remaining layer on either side has the same key."""
    others = grouped_by(key, rights)
    alone = [own[0] for own in grouped_by(key, lefts).values() if len(own) == 1]
    return [(leaf, others[key(leaf)][0]) for leaf in alone if len(others.get(key(leaf), [])) == 1]


def lengths(lefts: Sequence[Hashable], rights: Sequence[Hashable]) -> list[list[int]]:
    """Return at [i][j] the length of the longest common subsequence of lefts[i:] and rights[j:]."""
    table = [[0] * (len(rights) + 1) for _ in range(len(lefts) + 1)]
    for i in reversed(range(len(lefts))):
        for j in reversed(range(len(rights))):
            same = lefts[i] == rights[j]
            table[i][j] = table[i + 1][j + 1] + 1 if same else max(table[i + 1][j], table[i][j + 1])
    return table


def grouped_by(function: Callable[[Leaf], Hashable], leaves: Sequence[Leaf]) -> dict[Hashable, list[Leaf]]:
    groups: dict[Hashable, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        groups[function(leaf)].append(leaf)
    return groups


def take_the_same_input(left: Leaf, right: Leaf) -> bool:
    """Return whether both layers get the same input, as far as a mean and three projections show."""
    if not left.fingerprint or left.input != right.input:
        return False
    scale = max(math.hypot(*left.fingerprint), math.hypot(*right.fingerprint))
    return all(
        abs(a - b) <= SAME_INPUT * scale for a, b in zip(left.fingerprint, right.fingerprint, strict=True)
    )


def lines_to_paste(alignment: Alignment) -> list[str]:
    """Return lines for `pairs` in the task: each layer without a partner, with its candidates."""
    lines = []
    for leaf in alignment.left_alone:
        others = alignment.right_alone
        near = (
            [one for one in others if key(one) == key(leaf)]
            or [one for one in others if shapes(one) == shapes(leaf)]
            or [one for one in others if one.kind == leaf.kind]
        )
        choices = " or ".join(f'"{one.path}"' for one in near[:4])
        lines += [f'    "{leaf.path}": {choices},  # {in_words(leaf)}'] if choices else []
    return ["pairs = {", *lines, "}"] if lines else []


def shapes(leaf: Leaf) -> Hashable:
    """Without names: a layer of a porter's own has another class, and other names, on each side."""
    return tuple(sorted(tuple(shape) for shape in leaf.tensors.values()))


def in_words(leaf: Leaf) -> str:
    shape = next((leaf.tensors[name] for name in MAIN if name in leaf.tensors), None)
    return f"{leaf.kind} {shape}" if shape else leaf.kind
