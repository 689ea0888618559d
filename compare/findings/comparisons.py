"""Selects the pairs of labels to compare, and turns their launches into verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from compare.labels import Label
from compare.records.queries import labels, runs_of
from compare.records.results import Comparison, Launch, SweepPoint
from compare.statistics.intervals import common_seeds, difference_interval, ratio_interval
from compare.statistics.verdicts import Verdict, accuracy_verdict, ratio_verdict

Metric = Literal["step_seconds", "test_accuracy"]


@dataclass(frozen=True)
class Compared:
    """Two labels, one device, one metric. The verdict's interval is other ÷ baseline, or other - baseline."""

    metric: Metric
    baseline: Label
    other: Label
    verdict: Verdict

    @property
    def across(self) -> bool:
        """Return whether the pair compares the two frameworks."""
        return self.baseline.framework != self.other.framework

    def record(self) -> Comparison:
        """Return the comparison in the form of results.json."""
        interval = self.verdict.interval
        return Comparison(
            metric=self.metric,
            device=self.other.device,
            baseline=self.baseline.entry,
            other=self.other.entry,
            launches=interval.launches,
            estimate=interval.estimate,
            low=interval.low,
            high=interval.high,
            verdict=self.verdict.words,
            sentence=self.verdict.sentence,
            more_launches=self.verdict.more_launches,
            kind=self.verdict.kind,
        )


def compare_runs(runs: Sequence[Launch]) -> list[Compared]:
    """Compare step time and accuracy of every pair in `pairs`, over the seeds that both sides finished."""
    found = []
    for baseline, other in pairs(runs):
        first, second = paired(runs_of(runs, baseline), runs_of(runs, other))
        times = ratio_interval(medians(second), medians(first))
        verdict = ratio_verdict(times, other=other.title, baseline=baseline.title)
        found.append(Compared("step_seconds", baseline, other, verdict))
        if any(run.test_accuracy is not None for run in first + second) or not first:
            accuracies = difference_interval(test_accuracies(second), test_accuracies(first))
            verdict = accuracy_verdict(accuracies, other=other.title, baseline=baseline.title)
            found.append(Compared("test_accuracy", baseline, other, verdict))
    return found


def paired(first: Sequence[Launch], second: Sequence[Launch]) -> tuple[list[Launch], list[Launch]]:
    """Return the launches of the seeds that both sides have, in the same order."""
    ones, others = ({run.seed: run for run in side} for side in (first, second))
    seeds = common_seeds(ones, others)
    return [ones[seed] for seed in seeds], [others[seed] for seed in seeds]


def medians(runs: Sequence[Launch]) -> list[float]:
    return [median(run.timed_seconds) for run in runs]


def test_accuracies(runs: Sequence[Launch]) -> list[float]:
    return [run.test_accuracy or 0.0 for run in runs]


def pairs(runs: Sequence[Launch]) -> list[tuple[Label, Label]]:
    """Return (baseline, other) per device: the first label with each other, then likewise per framework."""
    found: dict[tuple[Label, Label], None] = {}
    good = labels(run for run in runs if run.status == "ok")
    for device in dict.fromkeys(label.device for label in good):
        present = [label for label in good if label.device == device]
        for baseline in first_of_each_framework(present):
            for other in present:
                wanted = baseline == present[0] or baseline.framework == other.framework
                if other != baseline and wanted:
                    found.setdefault((baseline, other))
    return list(found)


def first_of_each_framework(present: Sequence[Label]) -> list[Label]:
    first: dict[str, Label] = {}
    for label in present:
        first.setdefault(label.framework, label)
    return list(first.values())


def batch_sweep(runs: Sequence[Launch]) -> list[SweepPoint]:
    """Return the median over launches of each launch's median step time, at each batch size of the sweep."""
    found = []
    for label in labels(runs):
        good = [run.batch_size_seconds for run in runs_of(runs, label)]
        for size in dict.fromkeys(size for sizes in good for size in sizes):
            swept = [median(sizes[size]) for sizes in good if sizes.get(size)]
            if swept:
                found.append(SweepPoint(label.entry, label.device, int(size), median(swept)))
    return found
