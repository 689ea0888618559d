"""Rows for the terminal, Markdown and CSV alike: pure functions from results to text cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from statistics import fmean, median, stdev

from compare.numbers import format_percent, format_ratio, format_seconds
from compare.records.queries import labels, runs_of, title
from compare.records.results import Comparison, Results, Run
from compare.rendering.tutorial import PUBLISHED_RUN
from compare.statistics.intervals import Interval
from compare.variants import FRAMEWORK_NAMES


def curves_csv(runs: Iterable[Run]) -> str:
    """One line a step: label, device, seed, step, loss, batch accuracy, seconds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "device", "dtype", "seed", "step", "loss", "train_accuracy", "step_seconds"])
    for run in runs:
        for step, values in enumerate(zip(run.losses, run.train_accuracies, run.step_seconds, strict=True)):
            writer.writerow([run.label, run.device, run.dtype, run.seed, step, *map(repr, values)])
    return text.getvalue()


def curve_table(results: Results, log_interval: int) -> tuple[list[str], list[list[str]]]:
    """Loss and batch accuracy every `log_interval` steps: first seed, a variant each, the tutorial."""
    shown = first_of_each_framework(results.runs)
    header = ["step"]
    for run in shown:
        header += [f"{FRAMEWORK_NAMES[run.framework]} loss", "accuracy"]
    tutorial = {point.step: point for point in PUBLISHED_RUN}
    header += ["tutorial 2017", "accuracy"]
    rows = []
    last = max((len(run.losses) for run in shown), default=0) - 1
    for step in sorted({*range(0, last + 1, log_interval), max(last, 0)}):
        row = [f"{step:,}"]
        for run in shown:
            row += curve_cells(run, step)
        point = tutorial.get(step)
        row += [f"{point.loss:.4f}", format_percent(point.batch_accuracy)] if point else ["", ""]
        rows.append(row)
    return header, rows if shown else []


def curve_cells(run: Run, step: int) -> list[str]:
    if step >= len(run.losses):
        return ["", ""]
    return [f"{run.losses[step]:.4f}", format_percent(run.train_accuracies[step])]


def first_of_each_framework(runs: Sequence[Run]) -> list[Run]:
    found: dict[str, Run] = {}
    for run in runs:
        if run.losses:
            found.setdefault(run.framework, run)
    return list(found.values())


def median_seconds(run: Run) -> float:
    return median(run.timed_seconds)


def accuracy_cell(runs: Sequence[Run]) -> str:
    """Mean test accuracy over seeds and its standard deviation, in percent."""
    values = [run.test_accuracy * 100 for run in runs if run.test_accuracy is not None]
    if not values:
        return ""
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread} %"


def typical_seconds(runs: Sequence[Run]) -> float | None:
    """Return the median over launches of each launch's median step."""
    values = [median_seconds(run) for run in runs if run.timed_seconds]
    return median(values) if values else None


def seconds_cell(runs: Sequence[Run]) -> str:
    seconds = typical_seconds(runs)
    return "" if seconds is None else format_seconds(seconds)


def comparison_of(results: Results, metric: str, other: str, device: str) -> Comparison | None:
    for comparison in results.comparisons:
        if (comparison.metric, comparison.other, comparison.device) == (metric, other, device):
            return comparison
    return None


def verdict_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Return a row per variant and device: accuracy, step time, ratio to the first, and what is wrong."""
    header = ["", "test accuracy", "step time", "÷ first", "verdict"]
    rows = []
    several = len({run.device for run in results.runs}) > 1
    baselines: dict[str, str] = {}
    for label, device in labels(results.runs):
        baselines.setdefault(device, label)
        name = f"{title(label)}, {device}" if several else title(label)
        good = runs_of(results.runs, label, device)
        comparison = comparison_of(results, "step_seconds", label, device)
        if not good:
            bad = next(run for run in results.runs if (run.label, run.device) == (label, device))
            rows.append([name, "", "", "", f"{bad.status}: {bad.reason}"])
            continue
        ratio, verdict = ("1", "baseline") if label == baselines[device] else ("", "")
        if comparison is not None:
            ratio, verdict = ratio_cell(comparison), comparison.verdict
        rows.append([name, accuracy_cell(good), seconds_cell(good), ratio, verdict])
    return header, rows


def ratio_cell(comparison: Comparison) -> str:
    return format_ratio(interval(comparison))


def ratio_and_verdict(comparison: Comparison) -> tuple[str, str]:
    return ratio_cell(comparison), comparison.verdict


def interval(comparison: Comparison) -> Interval:
    return Interval(comparison.estimate, comparison.low, comparison.high, comparison.launches)
