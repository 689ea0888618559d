"""Defines the rungs in order, and the verdict on each. Pure functions of the sides' evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np

from compare.ladder.differences import MISSING, Arrays, compare_arrays, compare_digests, compare_shapes
from compare.ladder.tolerances import Tolerances, together
from compare.records.parity import Difference, Rung
from lenet_spec import Shape

ORACLE = "oracle"
REFERENCES = (ORACLE, "spec")  # the references that decide whether a side is right


@dataclass(frozen=True)
class RungKind:
    """One kind of rung. `evidence`: the name of its evidence, in a climber and in the reference."""

    number: int
    name: str
    evidence: str
    what: str  # its name in a sentence: "differs in the <what>"


RUNGS = (
    RungKind(1, "names, shapes, count", "shapes", "parameters"),
    RungKind(2, "batches", "batches", "batches"),
    RungKind(3, "initial weights", "initial_weights", "initial weights"),
    RungKind(4, "activations", "activations", "activations"),
    RungKind(5, "loss", "loss", "loss"),
    RungKind(6, "gradients", "gradients", "gradients"),
    RungKind(7, "one Adam step", "one_step", "parameters after one Adam step"),
    RungKind(8, "N steps", "training", "losses or parameters over the steps"),
    RungKind(9, "evaluation", "evaluation", "logits of the test images"),
    RungKind(10, "a step's logits", "step_logits", "logits that a step returns"),
    RungKind(11, "phases", "phases", "parameters after two steps in phases"),
    RungKind(12, "stress", "stress", "same network at stress weights and batches"),
    RungKind(13, "batch sizes", "sizes", "step at another batch size"),
    RungKind(14, "late updates", "late", "updates after the last step"),
)


@dataclass(frozen=True)
class Digests:
    """Rung 2's evidence: for each array one digest per batch, and the first batch in words."""

    digests: Mapping[str, list[str]]
    first: Mapping[str, str]

    def of_first(self, steps: int) -> Digests:
        return Digests({name: column[:steps] for name, column in self.digests.items()}, self.first)


@dataclass(frozen=True)
class Judged:
    """Evidence that the oracle has already judged: that of late updates."""

    differences: list[Difference]


Named = Mapping[str, Shape]  # rung 1
Groups = Mapping[str, Arrays]  # arrays by the name of their tolerance; empty if the side has none
Evidence = Named | Digests | Groups | Judged
T = TypeVar("T")


class Missing:
    """The reason why a side could not give its evidence."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def mapped(found: T | Missing, change: Callable[[T], Evidence]) -> Evidence | Missing:
    """Convert what was found into evidence; return Missing unchanged."""
    return found if isinstance(found, Missing) else change(found)


def against(
    kind: RungKind, label: str, evidence: Evidence | Missing, reference: Evidence | None, own: Tolerances
) -> list[Difference]:
    """Compare one side's evidence with the spec's or the oracle's."""
    if isinstance(evidence, Missing):
        return [Difference(label, "spec", "", None, None, 0.0, passed=False, detail=evidence.reason)]
    if isinstance(evidence, Judged):
        return evidence.differences
    if isinstance(evidence, Digests):
        shared = cast("Digests", reference)
        return [compare_digests(label, evidence.digests, evidence.first, shared.digests, shared.first)]
    if kind.evidence == "shapes":
        return [compare_shapes(label, cast("Named", evidence), cast("Named", reference))]
    other = "spec" if kind.evidence == "initial_weights" else ORACLE
    groups, expected = cast("Groups", evidence), cast("Groups", reference)
    return [
        compare_group(group, (label, groups), (other, expected), own[group].value)
        for group in groups
        if group in expected and group in own
    ]


def between(
    left: tuple[str, Evidence | Missing],
    right: tuple[str, Evidence | Missing],
    own: Tolerances,
    other_own: Tolerances,
) -> list[Difference]:
    """Compare two sides' arrays; their tolerances add up. Other evidence is compared only with the reference.

    own, other_own: the tolerances of the left side and of the right side.
    """
    (label, lefts), (other, rights) = left, right
    if isinstance(lefts, (Missing, Judged, Digests)) or isinstance(rights, (Missing, Judged, Digests)):
        return []
    differences = []
    for group in lefts:
        limit = together(own, other_own, group)
        if group in rights and limit is not None:
            sides = (label, cast("Groups", lefts)), (other, cast("Groups", rights))
            differences.append(compare_group(group, *sides, limit))
    return differences


def compare_group(
    group: str, left: tuple[str, Groups], right: tuple[str, Groups], limit: float
) -> Difference:
    """Compare one group: losses of the steps that both trained, logits of the images that both evaluated."""
    pair = left[1][group], right[1][group]
    if group in ("losses", "evaluation"):
        pair = in_common(*pair)
    found = compare_arrays(left[0], pair[0], right[0], pair[1], limit)
    found.group = group
    return found


def in_common(lefts: Arrays, rights: Arrays) -> tuple[Arrays, Arrays]:
    steps = min(len(array) for arrays in (lefts, rights) for array in arrays.values())
    return (
        {name: array[:steps] for name, array in lefts.items()},
        {name: array[:steps] for name, array in rights.items()},
    )


def verdict(kind: RungKind, differences: Sequence[Difference]) -> Rung:
    """Return the rung's row. It fails if any difference fails; then it says which side is wrong."""
    failing = [difference for difference in differences if not difference.passed]
    if not failing:
        return Rung(kind.number, kind.name, "pass" if differences else "not judged", list(differences))
    blamed = {d.left: d for d in reversed(failing) if d.right in REFERENCES}  # each side's first one
    wrong = [label for label in dict.fromkeys(d.left for d in failing) if label in blamed]
    compared = dict.fromkeys(d.left for d in differences if d.right in REFERENCES)
    right = [label for label in compared if label not in wrong]
    shown = [blamed[label] for label in wrong] or failing[:1]
    return Rung(
        kind.number,
        kind.name,
        "fail",
        list(differences),
        first_failing=shown[0].first_failing,
        wrong=wrong,
        reason="; ".join([*(sentence(kind, one) for one in shown), *agreement(wrong, right)]),
    )


def sentence(kind: RungKind, blamed: Difference) -> str:
    """Return what failed, in which side, and by how much."""
    if blamed.first_failing is None or kind.number <= 2:
        return f"{blamed.left}: {blamed.detail}"
    if kind.evidence == "gradients" and blamed.detail == MISSING.format(blamed.left):
        return (
            f"{blamed.left} has no gradient for {blamed.first_failing}: the loss does not depend on it, "
            "because it is detached, frozen, or behind an operation without a gradient"
        )
    other = f"the {blamed.right}" if blamed.right in REFERENCES else blamed.right
    largest = (
        f"the largest is {figure(blamed.relative)} in {blamed.tensor}, {blamed.tolerance:.0e} is allowed"
    )
    differs = f"{blamed.left} differs from {other} in the {kind.what}, first in {blamed.first_failing}"
    return f"{differs}: {blamed.detail or largest}"


def agreement(wrong: Sequence[str], right: Sequence[str]) -> list[str]:
    """Say which sides are right if one is wrong. If none is wrong, say that the oracle agrees with both."""
    if not wrong:
        return ["the oracle agrees with both, for as many steps as it trained"]
    return [f"{' and '.join(right)} {'agrees' if len(right) == 1 else 'agree'} with it"] if right else []


def figure(relative: float | None) -> str:
    return "not a number" if relative is None else f"{relative:.1e}"


def not_judged(kind: RungKind) -> Rung:
    return Rung(kind.number, kind.name, "not judged")


def losses_array(losses: Sequence[float], steps: int) -> np.ndarray:
    """Return [steps] losses. Steps that a diverged run did not reach are NaN, which fails any tolerance."""
    padded = np.full(steps, np.nan)
    padded[: len(losses)] = losses[:steps]
    return padded
