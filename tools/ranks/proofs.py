"""Puts 1, 2 and 3 ranks on the ladder, with the rungs, tolerances and oracle of `compare.parity`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from compare.cpus import usable_cpus
from compare.data import mnist
from compare.labels import Label
from compare.ladder.config import spec_with
from compare.ladder.ladder import Ladder
from compare.ladder.plan import Plan, Port
from compare.ladder.verdicts import failure
from compare.records.parity import Climb
from compare.variants import FRAMEWORK_NAMES, VARIANTS, Variant
from tools.ranks.record import Proof, ProofRung

WORLD_SIZES = (1, 2, 3)
BATCH_SIZE, OTHER_SIZE = 32, 10  # of three ranks, one has another number of rows than the others
STEPS = 20
EVALUATED_IMAGES = 200
TIMEOUT_SECONDS = 600.0


def proofs(
    variants: Sequence[Variant] = VARIANTS, world_sizes: Sequence[int] = WORLD_SIZES
) -> Iterator[Proof]:
    """Put every variant that has an engine for ranks on the ladder, with each number of ranks."""
    dataset = mnist.load()
    pythons = dict.fromkeys(FRAMEWORK_NAMES, Path(sys.executable))
    with tempfile.TemporaryDirectory() as directory:
        ladder = Ladder(plans(len(dataset.train_labels)), dataset, pythons, Path(directory))
        for ranks in world_sizes:
            for proof in highest(ladder.climb([port for one in variants for port in rank_ports(one, ranks)])):
                print(said(proof), flush=True)
                yield proof
        if ladder.left_out:
            raise SystemExit(f"error: these could not climb: {ladder.left_out}")


def plans(train_count: int) -> list[Plan]:
    """Return a plan without dropout, and one with it."""
    return [
        Plan(
            spec=spec_with(BATCH_SIZE, dropout),
            dtype="float64",
            seed=0,
            steps=STEPS,
            oracle_steps=STEPS,
            threads=usable_cpus(),
            timeout=TIMEOUT_SECONDS,
            train_count=train_count,
            sizes=(OTHER_SIZE,),
            evaluated_images=EVALUATED_IMAGES,
            late=True,
            epoch=False,
        )
        for dropout in (False, True)
    ]


def rank_ports(variant: Variant, ranks: int) -> list[Port]:
    """Return the port of a variant with so many ranks; nothing if it has no engine for ranks."""
    place = variant.rank_place()
    label = str(Label(variant.framework, variant.variant, ranks=ranks))
    return [Port(label, variant.framework, *place, "cpu", ranks=ranks)] if place else []


def highest(climbs: Sequence[Climb]) -> list[Proof]:
    """Return one proof for each side and state of dropout.

    The first side is in every climb, but a climb ends where its other side fails. So keep its highest climb.
    """
    found: dict[tuple[str, bool], Proof] = {}
    for proof in (one for climb in climbs for one in proofs_of(climb)):
        key = (proof.variant, proof.dropout)
        if key not in found or height(proof) > height(found[key]):
            found[key] = proof
    return list(found.values())


def height(proof: Proof) -> int:
    """Return how many rungs passed."""
    return sum(rung.verdict == "pass" for rung in proof.rungs)


def proofs_of(climb: Climb) -> Iterator[Proof]:
    """Yield a proof for each side of a climb. The first side is the one that all others are compared with."""
    for label in climb.labels:
        failing, read = climb.failing, Label.read(label)
        wrong = failing is not None and label in (failing.wrong or climb.labels)
        yield Proof(
            variant=read.name,
            ranks=read.ranks,
            dropout=climb.dropout,
            batch_size=BATCH_SIZE,
            steps=climb.steps,
            passed=climb.passed or not wrong,
            rungs=rungs_of(climb, label),
            reason=failure(climb, failing) if failing is not None and wrong else None,
        )


def rungs_of(climb: Climb, label: str) -> list[ProofRung]:
    """Return the largest difference of one side at each rung."""
    found = []
    for rung in climb.rungs:
        own = [one for one in rung.differences if one.left == label and one.relative is not None]
        largest = max(own, key=lambda one: one.relative or 0.0, default=None)
        numbers = (largest.tensor, largest.relative, largest.tolerance) if largest else ()
        found.append(ProofRung(rung.number, rung.name, rung.verdict, *numbers))
    return found


def said(proof: Proof) -> str:
    """Return a line for the terminal."""
    dropout = "with dropout" if proof.dropout else "without dropout"
    verdict = proof.reason or f"{height(proof)} of {len(proof.rungs)} rungs"
    return f"{proof.variant} x{proof.ranks} {dropout}: {verdict}"
