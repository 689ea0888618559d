"""Formats every variant as a row: each cell has a text and a sort key. The page shows all columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from compare.findings.comparisons import Compared
from compare.findings.findings import Findings
from compare.labels import Label
from compare.numbers import format_bytes, format_joules, format_ratio, format_seconds
from compare.records import queries
from compare.records.results import Launch
from compare.rendering import tables
from compare.variants import VARIANTS_BY_NAME

COLUMNS = (
    "variant",
    "step time",
    "÷ baseline",
    "verdict",
    "CPU time",
    "energy",
    "images/s",
    "test accuracy",
    "metric",
    "first step",
    "peak memory",
    "launches",
)
TEXT_COLUMNS = ("variant", "verdict")
SUMMARY = {
    "variant": "",
    "test accuracy": "test accuracy",
    "metric": "metric",
    "step time": "step time",
    "÷ baseline": "÷ first",
    "CPU time": "CPU time",
    "energy": "energy",
    "verdict": "verdict",
}  # the columns in the terminal and Markdown, with their headings


@dataclass(frozen=True)
class Cell:
    """A cell. `key` is a number or a text that the column sorts by; None sorts last.

    note: why there is no figure, or a doubt about it. range: of the launches; only the page shows it.
    """

    text: str
    key: float | str | None = None
    note: str = ""
    range: str = ""


@dataclass(frozen=True)
class Row:
    """A variant's cells, in the order of COLUMNS."""

    label: Label
    cells: Mapping[str, Cell]  # by column name


def rows(found: Sequence[Findings]) -> list[Row]:
    """Return one row for each label of each run, even if none of its launches is good."""
    several = len({run.device for one in found for run in one.results.runs}) > 1
    return [row(label, one, several=several) for one in found for label in queries.labels(one.results.runs)]


def summary(found: Sequence[Findings]) -> tuple[list[str], list[list[str]]]:
    """Return the columns of SUMMARY with at least one text: header and rows."""
    every = rows(found)
    filled = columns(every)
    shown = [column for column in SUMMARY if column in filled]
    return [SUMMARY[column] for column in shown], [
        [cell_text(row.cells[column]) for column in shown] for row in every
    ]


def columns(every: Sequence[Row]) -> list[str]:
    """Return the columns that hold anything, in the order of COLUMNS."""
    return [column for column in COLUMNS if any(cell_text(row.cells[column]) for row in every)]


def cell_text(cell: Cell) -> str:
    return f"{cell.text}: {cell.note}" if cell.note else cell.text


def row(label: Label, one: Findings, *, several: bool) -> Row:
    runs = [run for run in one.results.runs if run.full_label == label]
    good = [run for run in runs if run.status == "ok"]
    seconds = [median(run.timed_seconds) for run in good if run.timed_seconds]
    step = median(seconds) if seconds else None
    rate = one.results.config.batch_size / step if step else None
    accuracies = [run.test_accuracy for run in good if run.test_accuracy is not None]
    compared, baseline = comparison_of(label, one), is_baseline(label, one)
    name = label.of(one.name)
    title = name.full_title if several else name.title
    return Row(
        label,
        {
            "variant": Cell(title, title),
            "step time": Cell(tables.seconds_cell(step), step, range=spread(seconds)),
            "÷ baseline": ratio(compared, baseline=baseline),
            "verdict": verdict(runs, compared, baseline=baseline),
            "CPU time": middle([cpu_seconds(run) for run in good], format_seconds),
            "energy": middle([step_joules(run) for run in good], format_joules),
            "images/s": Cell("" if rate is None else f"{rate:,.0f}", rate),
            "test accuracy": Cell(tables.accuracy_cell(good), fmean(accuracies) if accuracies else None),
            "metric": metric([run.metric for run in good if run.metric is not None]),
            "first step": middle([run.first_step_seconds for run in good], format_seconds),
            "peak memory": middle([run.peak_rss_bytes for run in good], format_bytes),
            "launches": Cell(f"{len(good)} of {len(runs)}", len(good)),
        },
    )


def spread(seconds: Sequence[float]) -> str:
    """Return the range of the launches' medians, as `30.6–32.5 ms`; empty if it is one number in print."""
    ends = [format_seconds(choose(seconds)) for choose in (min, max) if seconds]
    if len(set(ends)) < 2:
        return ""
    (first, unit), (_, other) = (end.rsplit(" ", 1) for end in ends)
    return "–".join([first if unit == other else ends[0], ends[1]])


def metric(values: Sequence[float]) -> Cell:
    """Return the mean over seeds of a task's metric, and its standard deviation."""
    if not values:
        return Cell("")
    spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return Cell(f"{fmean(values):.4g}{spread}", fmean(values))


def cpu_seconds(run: Launch) -> float | None:
    """Return the CPU time of all threads in a median step. Steps of equal time can use different CPU time."""
    timed = run.step_cpu_seconds[run.warmup_steps :]
    return median(timed) if timed else None


def step_joules(run: Launch) -> float | None:
    """Return the mean energy of a step, without the first block; None if a block was not metered."""
    steps = sum(run.block_sizes[1:])
    metered = [one for one in run.energy_joules[1:] if one is not None]
    whole = steps and len(metered) == len(run.block_sizes) - 1
    return math.fsum(metered) / steps if whole else None


def is_baseline(label: Label, one: Findings) -> bool:
    """Return whether the label is the first on its device with a good launch. Others are compared with it."""
    good = queries.labels(run for run in one.results.runs if run.status == "ok")
    return label == next((other for other in good if other.device == label.device), None)


def comparison_of(label: Label, one: Findings) -> Compared | None:
    """Return the comparison of the label's step time with the baseline's."""
    found = (each for each in one.comparisons if (each.metric, each.other) == ("step_seconds", label))
    return next(found, None)


def ratio(compared: Compared | None, *, baseline: bool) -> Cell:
    if compared is not None:
        return Cell(format_ratio(compared.verdict.interval), compared.verdict.interval.estimate)
    return Cell("1", 1.0) if baseline else Cell("")


def verdict(runs: Sequence[Launch], compared: Compared | None, *, baseline: bool) -> Cell:
    """Return the verdict, or why there is none."""
    bad = [run for run in runs if run.status != "ok"]
    if len(bad) == len(runs):
        return Cell(bad[0].status, bad[0].status, shortened(bad[0].reason))
    text = compared.verdict.words if compared is not None else ("baseline" if baseline else "")
    note = f"{len(bad)} {bad[0].status}: {shortened(bad[0].reason)}" if bad else ""
    return Cell(text, text, note)


def shortened(reason: str | None, length: int = 90) -> str:
    """Return the start of a reason. The report's first lines give the whole reason."""
    text = " ".join((reason or "").split())
    return text if len(text) <= length else text[: length - 1] + "…"


def middle(values: Sequence[float | None], text: Callable[[float], str]) -> Cell:
    known = [value for value in values if value is not None]
    return Cell(text(median(known)), median(known)) if known else Cell("")


def changes(found: Sequence[Findings]) -> list[tuple[str, str]]:
    """Return the title of each built-in variant in the table and what it changes, in the table's order."""
    names = dict.fromkeys(run.full_label.name for one in found for run in one.results.runs)
    return [
        (Label.read(name).title, VARIANTS_BY_NAME[name].changes) for name in names if name in VARIANTS_BY_NAME
    ]
