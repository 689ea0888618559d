"""The eight rungs in order, and the verdict on each: pure functions of the evidence that the sides gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from compare.ladder.differences import Arrays, compare_arrays, compare_digests, compare_shapes
from compare.ladder.tolerances import BY_DTYPE, Tolerances, looser
from compare.records.parity import Difference, Rung
from lenet_spec import Shape

ORACLE = "oracle"


@dataclass(frozen=True)
class RungKind:
    """`evidence`: the attribute of a side, and of the reference, that the rung compares."""

    number: int
    name: str
    evidence: str
    what: str  # as a sentence names it: "differs in the <what>"


RUNGS = (
    RungKind(1, "names, shapes, count", "shapes", "parameters"),
    RungKind(2, "batches", "batches", "batches"),
    RungKind(3, "initial weights", "initial_weights", "initial weights"),
    RungKind(4, "activations", "activations", "activations"),
    RungKind(5, "loss", "loss", "loss"),
    RungKind(6, "gradients", "gradients", "gradients"),
    RungKind(7, "one Adam step", "one_step", "parameters after one Adam step"),
    RungKind(8, "N steps", "training", "losses or parameters over the steps"),
)


@dataclass(frozen=True)
class Digests:
    """Rung 2's evidence: by array one digest a batch, and the first batch in words."""

    digests: Mapping[str, list[str]]
    first: Mapping[str, str]


Named = Mapping[str, Shape]  # rung 1
Groups = Mapping[str, Arrays]  # rungs 3 to 8: arrays by the name of their tolerance
Evidence = Named | Digests | Groups


class Missing:
    """A side that could not give its evidence, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def judge(kind: RungKind, sides: Mapping[str, Evidence | Missing], reference: Evidence, dtype: str) -> Rung:
    """Judge the rung. sides: evidence by label, in order; reference: the spec's or the oracle's."""
    given = {label: evidence for label, evidence in sides.items() if not isinstance(evidence, Missing)}
    differences = [
        Difference(label, "spec", "", None, None, 0.0, passed=False, detail=evidence.reason)
        for label, evidence in sides.items()
        if isinstance(evidence, Missing)
    ]
    if kind.evidence == "shapes":
        spec = cast(Named, reference)
        differences += [compare_shapes(label, cast(Named, own), spec) for label, own in given.items()]
    elif kind.evidence == "batches":
        shared = cast(Digests, reference)
        for label, evidence in given.items():
            own = cast(Digests, evidence)
            differences.append(compare_digests(label, own.digests, own.first, shared.digests, shared.first))
    else:
        differences += compare_all(kind, cast(Mapping[str, Groups], given), cast(Groups, reference), dtype)
    return verdict(kind, differences)


def compare_all(
    kind: RungKind, sides: Mapping[str, Groups], reference: Groups, dtype: str
) -> list[Difference]:
    """Each side against the reference, then the first side against each other one."""
    own = dict.fromkeys(sides, BY_DTYPE[dtype])
    other = "spec" if kind.evidence == "initial_weights" else ORACLE
    differences = []
    for label, groups in sides.items():
        differences += compare_groups(
            label, groups, other, reference, left_own=own[label], right_own=own[label]
        )
    first, *others = sides or [""]
    for label in others:
        differences += compare_groups(
            first, sides[first], label, sides[label], left_own=own[first], right_own=own[label]
        )
    return differences


def compare_groups(
    left: str, lefts: Groups, right: str, rights: Groups, *, left_own: Tolerances, right_own: Tolerances
) -> list[Difference]:
    """Return a difference for each group that both have: the oracle trains fewer steps than others."""
    differences = []
    for group in lefts:
        if group in rights:
            pair = (
                in_common(lefts[group], rights[group]) if group == "losses" else (lefts[group], rights[group])
            )
            limit = looser(left_own, right_own, group)
            if limit is not None:
                differences.append(compare_arrays(left, pair[0], right, pair[1], limit))
    return differences


def in_common(lefts: Arrays, rights: Arrays) -> tuple[Arrays, Arrays]:
    """Losses cut to the steps that both sides trained."""
    steps = min(len(array) for arrays in (lefts, rights) for array in arrays.values())
    return (
        {name: array[:steps] for name, array in lefts.items()},
        {name: array[:steps] for name, array in rights.items()},
    )


def verdict(kind: RungKind, differences: Sequence[Difference]) -> Rung:
    """Return the rung's row: failed when any difference is, with who is wrong and a sentence that says so."""
    failing = [difference for difference in differences if not difference.passed]
    if not failing:
        return Rung(kind.number, kind.name, "pass", list(differences))
    wrong = list(dict.fromkeys(d.left for d in failing if d.right in (ORACLE, "spec")))
    blamed = next((d for d in failing if d.right in (ORACLE, "spec")), failing[0])
    compared = dict.fromkeys(d.left for d in differences if d.right in (ORACLE, "spec"))
    right = [label for label in compared if label not in wrong]
    return Rung(
        kind.number,
        kind.name,
        "fail",
        list(differences),
        first_failing=blamed.first_failing,
        wrong=wrong,
        reason=sentence(kind, blamed, wrong, right),
    )


def sentence(kind: RungKind, blamed: Difference, wrong: list[str], right: list[str]) -> str:
    """Return what failed, by how much, and which side the oracle, or the spec, holds to be wrong."""
    if blamed.first_failing is None or kind.number <= 2:
        return f"{blamed.left}: {blamed.detail}"
    other = f"the {blamed.right}" if blamed.right in (ORACLE, "spec") else blamed.right
    largest = (
        f"the largest is {figure(blamed.relative)} in {blamed.tensor}, {blamed.tolerance:.0e} is allowed"
    )
    said = f"{blamed.left} differs from {other} in the {kind.what}, first in {blamed.first_failing}: "
    said += blamed.detail or largest
    if not wrong:
        return f"{said}; the oracle agrees with both, for as many steps as it trained"
    agree = "agrees" if len(right) == 1 else "agree"
    return f"{said}; {' and '.join(right)} {agree} with it" if right else said


def figure(relative: float | None) -> str:
    return "not a number" if relative is None else f"{relative:.1e}"


def not_judged(kind: RungKind) -> Rung:
    return Rung(kind.number, kind.name, "not judged")


def losses_array(losses: Sequence[float], steps: int) -> np.ndarray:
    """Return [steps]; those that a diverged run never reached are NaN, which fails any tolerance."""
    padded = np.full(steps, np.nan)
    padded[: len(losses)] = losses[:steps]
    return padded
