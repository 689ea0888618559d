"""Finds the baseline among the sides as they arrive, and puts each other one beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.ladder.climb import Ascent, beside
from compare.ladder.reference import Reference
from compare.records.parity import Climb
from lenet_spec import LeNetSpec

Ascents = Sequence[Ascent]  # of one side, one for each plan that it climbed


class Pairing:
    """The baseline is the first side, in the order of `labels`, that passes every plan.

    Whoever fails is put beside it too, and takes nobody down. A side is let go as soon as its record is made:
    its evidence is large.
    """

    def __init__(self, labels: Sequence[str], references: Mapping[LeNetSpec, Reference]) -> None:
        self.labels, self.references = labels, references
        self.arrived: dict[str, Ascents] = {}
        self.baseline = ""
        self.found: dict[str, list[Climb]] = {}

    def add(self, label: str, ascents: Ascents) -> None:
        """Take in a side; no ascents: one that could not climb."""
        self.arrived[label] = ascents
        self.baseline = self.baseline or self.first_that_passed()
        if self.baseline:
            for other in [one for one in self.arrived if one not in (self.baseline, *self.found)]:
                self.found[other] = self.records(self.arrived[self.baseline], self.arrived[other])
                self.arrived[other] = ()

    def first_that_passed(self) -> str:
        """Return the baseline; nothing while a side before it is still on its way."""
        for label in self.labels:
            if label not in self.arrived:
                return ""
            if self.arrived[label] and self.arrived[label][-1].passed:
                return label
        return ""

    def climbs(self) -> list[Climb]:
        """Return every record, in the order of `labels`; of the baseline alone if nobody passed beside it."""
        for label in self.labels:
            if label not in self.found and label != self.baseline:
                self.found[label] = self.records(self.arrived[label])
        if self.baseline and not any(found and found[-1].passed for found in self.found.values()):
            self.found[self.baseline] = self.records(self.arrived[self.baseline])
        return [climb for label in self.labels for climb in self.found.get(label, [])]

    def records(self, *sides: Ascents) -> list[Climb]:
        """Return a record for each plan that all of the sides climbed."""
        if not all(sides):
            return []
        return [
            beside(ascents, self.references[ascents[0].plan.spec]) for ascents in zip(*sides, strict=False)
        ]
