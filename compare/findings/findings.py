"""Derives the findings of a run from its raw samples, when it is written and whenever its file is read.

A file from another person may hold other verdicts. They are not shown; the report says if they differ from
those that the samples give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compare.findings.cautions import warnings_about
from compare.findings.comparisons import Compared, batch_sweep, compare_runs
from compare.findings.parity import judged
from compare.records.parity import Gate
from compare.records.results import Comparison, Results, SweepPoint

METRICS = {"step_seconds": "step time", "test_accuracy": "test accuracy"}
FIRST_WORDS = {"no_difference": "no", "not_enough": "not"}  # the first word of any other kind is the kind
SAME_FIGURE = 1e-6  # relative: the last digits differ between machines


@dataclass(frozen=True)
class Findings:
    """The findings of one run. `name` is A or B if a report shows two runs."""

    results: Results
    parity: Gate | None
    comparisons: Sequence[Compared]
    warnings: Sequence[str]
    sweep: Sequence[SweepPoint]
    name: str = ""

    def record(self) -> None:
        """Add the findings to the results, to be written together with the samples."""
        self.results.parity = self.parity
        self.results.comparisons = [one.record() for one in self.comparisons]
        self.results.warnings = list(self.warnings)
        self.results.batch_sweep = list(self.sweep)


def find(results: Results, name: str = "") -> Findings:
    comparisons = compare_runs(results.runs)
    parity = None if results.parity is None else judged(results.parity, results.config)
    return Findings(
        results=results,
        parity=parity,
        comparisons=comparisons,
        warnings=warnings_about(results, comparisons),
        sweep=batch_sweep(results.runs),
        name=name,
    )


def contradictions(found: Findings) -> list[str]:
    """Return the findings that differ from the verdicts in the file."""
    return list(dict.fromkeys([*other_parity(found), *other_comparisons(found), *other_sweep(found)]))


def other_parity(found: Findings) -> Iterator[str]:
    held, right = found.results.parity, found.parity
    if held is not None and right is not None and verdicts_of(held) != verdicts_of(right):
        yield "parity"


def verdicts_of(gate: Gate) -> list[object]:
    rungs = [gate.rungs, *(climb.rungs for climb in gate.climbs)]
    return [gate.passed, *([rung.verdict for rung in each] for each in rungs)]


def other_comparisons(found: Findings) -> Iterator[str]:
    right = {key(one): one for one in (compared.record() for compared in found.comparisons)}
    for held in found.results.comparisons:
        one = right.get(key(held))
        if one is None or not same_verdict(held, one):
            yield f"the {METRICS[held.metric]} of {held.other[:50]}"


def key(one: Comparison) -> tuple[str, ...]:
    return one.metric, one.device, one.baseline, one.other


def same_verdict(held: Comparison, right: Comparison) -> bool:
    figures = zip((held.estimate, held.low, held.high), (right.estimate, right.low, right.high), strict=True)
    if held.kind is None:  # in older files, the kind is missing and the words differ
        words = held.verdict.partition(" ")[0] == FIRST_WORDS.get(right.kind or "", right.kind)
    else:
        words = held.verdict == right.verdict  # its sentence follows from it, in the words of its version
    return words and held.launches == right.launches and all(same_figure(*pair) for pair in figures)


def same_figure(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=SAME_FIGURE, abs_tol=1e-12)


def other_sweep(found: Findings) -> Iterator[str]:
    right = {(one.label, one.device, one.batch_size): one.step_seconds for one in found.sweep}
    for held in found.results.batch_sweep:
        if not same_figure(held.step_seconds, right.get((held.label, held.device, held.batch_size))):
            yield f"the batch sizes of {held.label[:50]}"
