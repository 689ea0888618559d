"""The page's table: a row for each variant and device, each cell with its text and what it sorts by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from compare.numbers import format_bytes, format_seconds
from compare.records import queries
from compare.records.results import Comparison, Results, Run
from compare.rendering import tables
from compare.rendering.groups import devices
from compare.variants import VARIANTS_BY_NAME

COLUMNS = (
    "variant",
    "step time",
    "÷ baseline",
    "verdict",
    "images/s",
    "test accuracy",
    "first step",
    "peak memory",
    "launches",
)
TEXT_COLUMNS = ("variant", "verdict")


@dataclass(frozen=True)
class Cell:
    """`key` is what the column sorts by: a number, or text; None sorts last."""

    text: str
    key: float | str | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A variant's cells, in the order of COLUMNS."""

    framework: str
    cells: Sequence[Cell]


def rows(results: Results) -> list[Row]:
    several = len(devices(results)) > 1
    first: dict[str, str] = {}
    made = []
    for label, device in queries.labels(results.runs):
        first.setdefault(device, label)
        runs = [run for run in results.runs if (run.label, run.device) == (label, device)]
        title = queries.title(label) + (f", {device}" if several else "")
        comparison = tables.comparison_of(results, "step_seconds", label, device)
        cells = row_cells(runs, comparison, first[device] == label, results.config.batch_size)
        made.append(Row(runs[0].framework, [Cell(title, title), *cells]))
    return made


def changes(results: Results) -> list[tuple[str, str]]:
    """Return what each of our own variants in the table changes: title and words, in the table's order."""
    labels = dict.fromkeys(run.label for run in results.runs)
    return [
        (queries.title(label), VARIANTS_BY_NAME[label].changes)
        for label in labels
        if label in VARIANTS_BY_NAME
    ]


def row_cells(
    runs: Sequence[Run], comparison: Comparison | None, baseline: bool, batch_size: int
) -> list[Cell]:
    good = [run for run in runs if run.status == "ok"]
    seconds = [tables.median_seconds(run) for run in good if run.timed_seconds]
    step = median(seconds) if seconds else None
    accuracies = [run.test_accuracy for run in good if run.test_accuracy is not None]
    rate = batch_size / step if step else None
    return [
        Cell(tables.seconds_cell(good), step),
        ratio(comparison, baseline and bool(seconds)),
        verdict(runs, comparison, baseline),
        Cell("" if rate is None else f"{rate:,.0f}", rate),
        Cell(tables.accuracy_cell(good), fmean(accuracies) if accuracies else None),
        middle([run.first_step_seconds for run in good], format_seconds),
        middle([run.peak_rss_bytes for run in good], format_bytes),
        Cell(f"{len(good)} of {len(runs)}", len(good)),
    ]


def ratio(comparison: Comparison | None, baseline: bool) -> Cell:
    if comparison is not None:
        return Cell(tables.ratio_cell(comparison), comparison.estimate)
    return Cell("1", 1.0) if baseline else Cell("")


def verdict(runs: Sequence[Run], comparison: Comparison | None, baseline: bool) -> Cell:
    """Return what was found, or why nothing was."""
    bad = [run for run in runs if run.status != "ok"]
    if len(bad) == len(runs):
        return Cell(bad[0].status, bad[0].status, shortened(bad[0].reason))
    text = comparison.verdict if comparison is not None else ("baseline" if baseline else "")
    note = f"{len(bad)} {bad[0].status}: {shortened(bad[0].reason)}" if bad else ""
    return Cell(text, text, note)


def shortened(reason: str | None, length: int = 90) -> str:
    """Return the start of a reason, which the page's first lines give in full."""
    text = " ".join((reason or "").split())
    return text if len(text) <= length else text[: length - 1] + "…"


def middle(values: Sequence[float | None], text: Callable[[float], str]) -> Cell:
    known = [value for value in values if value is not None]
    return Cell(text(median(known)), median(known)) if known else Cell("")
