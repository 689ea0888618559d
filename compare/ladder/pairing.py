"""Finds the baseline among the sides as they arrive, and compares every other side with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.ladder.climb import Ascent, beside
from compare.ladder.reference import Reference
from compare.records.parity import Climb
from lenet_spec import LeNetSpec

Ascents = Sequence[Ascent]  # one side's ascents, one for each plan that it climbed


class Pairing:
    """Pairs every side with the baseline: the first side, in the order of `labels`, that passes every plan.

    A side that fails is paired too, and does not affect the others. A side's evidence is large, so it is
    dropped as soon as its record is made.
    """

    def __init__(self, labels: Sequence[str], references: Mapping[LeNetSpec, Reference]) -> None:
        self.labels, self.references = labels, references
        self.arrived: dict[str, Ascents] = {}
        self.baseline = ""
        self.found: dict[str, list[Climb]] = {}

    def add(self, label: str, ascents: Ascents) -> None:
        """Add a side. It has no ascents if it could not climb."""
        self.arrived[label] = ascents
        self.baseline = self.baseline or self.first_that_passed()
        if self.baseline:
            for other in [one for one in self.arrived if one not in (self.baseline, *self.found)]:
                self.found[other] = self.records(self.arrived[self.baseline], self.arrived[other])
                self.arrived[other] = ()

    def first_that_passed(self) -> str:
        """Return the baseline's label; empty as long as an earlier side has not arrived."""
        for label in self.labels:
            if label not in self.arrived:
                return ""
            if self.arrived[label] and self.arrived[label][-1].passed:
                return label
        return ""

    def climbs(self) -> list[Climb]:
        """Return all records in the order of `labels`, with the baseline's own if no other side passed."""
        for label in self.labels:
            if label not in self.found and label != self.baseline:
                self.found[label] = self.records(self.arrived[label])
        if self.baseline and not any(found and found[-1].passed for found in self.found.values()):
            self.found[self.baseline] = self.records(self.arrived[self.baseline])
        return [climb for label in self.labels for climb in self.found.get(label, [])]

    def records(self, *sides: Ascents) -> list[Climb]:
        """Return one record for each plan that all these sides climbed."""
        if not all(sides):
            return []
        return [
            beside(ascents, self.references[ascents[0].plan.spec]) for ascents in zip(*sides, strict=False)
        ]
