"""Compares two runs: the variants that both trained, and the differences between their conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from compare.findings.findings import Findings
from compare.numbers import count, format_ratio
from compare.records.processor import identifies
from compare.records.results import Launch
from compare.rendering import facts, tables
from compare.rendering.groups import Group, groups
from compare.statistics.intervals import Interval, unpaired_ratio_interval

NAMES = ("A", "B")
HEADER = (
    "variant",
    "step time, A",
    "step time, B",
    "B ÷ A",
    "test accuracy, A",
    "test accuracy, B",
    "losses of one seed",
)
# The report's names of conditions that can change a sum, or the order of its terms.
MOVES_LOSSES = (
    "batch size",
    "threads",
    "deterministic operations",
    "TF32",
    "dropout",
    "data",
    "processor",
    "device",
    "versions of TensorFlow",
    "versions of PyTorch",
)


@dataclass(frozen=True)
class Losses:
    """The loss differences between launches of equal seeds. `first_step` is None if losses are identical."""

    seeds: int
    steps: int
    first_step: int | None = None
    largest: float = 0.0

    def __str__(self) -> str:
        if self.first_step is None:
            return f"identical over {count(self.steps, 'step')}, {count(self.seeds, 'seed')}"
        return f"differ from step {self.first_step:,} on, by at most {self.largest:.1e}"


@dataclass(frozen=True)
class Beside:
    """One variant that both runs trained. The ratio is unpaired: launches of two runs share only the seed."""

    first: Group
    second: Group
    ratio: Interval | None  # of step times, second ÷ first
    losses: Losses | None  # None: the seeds or the dtypes differ

    def cells(self) -> list[str]:
        """Return the cells in the order of HEADER."""
        sides = (self.first, self.second)
        return [
            self.first.label.of("").full_title,
            *(tables.seconds_cell(side.step_seconds) for side in sides),
            format_ratio(self.ratio) if self.ratio else "",
            *(tables.accuracy_cell(side.runs) for side in sides),
            str(self.losses or ""),
        ]


@dataclass(frozen=True)
class Condition:
    """A fact about the method or the environment, and its value in each run."""

    name: str
    values: list[str]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def beside(found: Sequence[Findings]) -> list[Beside]:
    first, second = (groups([one]) for one in found)
    others = {group.label.of(""): group for group in second}
    pairs = [(one, others[one.label.of("")]) for one in first if one.label.of("") in others]
    return [Beside(one, two, ratio(one, two), losses(one.runs, two.runs)) for one, two in pairs]


def ratio(first: Group, second: Group) -> Interval | None:
    times = [
        [median(run.timed_seconds) for run in side.runs if run.timed_seconds] for side in (second, first)
    ]
    return unpaired_ratio_interval(*times) if all(times) else None


def losses(first: Sequence[Launch], second: Sequence[Launch]) -> Losses | None:
    """Return how losses of equal seeds differ between the runs; None without equal seeds and dtypes."""
    other = {run.seed: run for run in second}
    pairs = [(run.losses, other[run.seed].losses) for run in first if run.seed in other]
    if not pairs or len({run.dtype for run in [*first, *second]}) > 1:
        return None
    differing = [
        (step, abs(a - b))
        for one, two in pairs
        for step, (a, b) in enumerate(zip(one, two, strict=False))
        if a != b
    ]
    steps = min(min(len(one), len(two)) for one, two in pairs)
    if not differing:
        return Losses(len(pairs), steps)
    return Losses(len(pairs), steps, min(step for step, _ in differing), max(gap for _, gap in differing))


def why_losses_differ(rows: Sequence[Beside], found: Sequence[Condition]) -> str:
    """Return a sentence on the possible causes of different losses; empty if the losses are equal."""
    if not any(row.losses and row.losses.first_step is not None for row in rows):
        return ""
    differing = [one.name for one in found if one.differs and one.name in MOVES_LOSSES]
    if differing:
        return (
            "The losses differ because sums were taken in another order. These differences between the runs "
            f"can be the cause: {', '.join(differing)}."
        )
    names = [value for one in found if one.name == "processor" for value in one.values]
    if not names or not all(map(identifies, names)):
        return (
            "The losses differ because sums were taken in another order, by threads or by another processor: "
            "the processors' names do not show whether they are the same."
        )
    return (
        "The losses differ because threads took sums in another order: number of threads, processor and "
        "versions are the same in both runs. --deterministic fixes the order, if the framework can."
    )


def conditions(found: Sequence[Findings]) -> list[Condition]:
    """Return every fact about the method and the environment."""
    each = [dict(facts.method(one) + facts.environment(one.results)) for one in found]
    names = dict.fromkeys(name for one in each for name in one)
    return [Condition(name, [one.get(name, "") for one in each]) for name in names]
