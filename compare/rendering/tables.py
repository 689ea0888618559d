"""Formats cells and tables of text for the terminal, Markdown and CSV, with pure functions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from compare.numbers import format_loss, format_percent, format_seconds
from compare.records.results import Launch, Results
from compare.rendering.tutorial import published
from compare.variants import FRAMEWORK_NAMES


def curves_csv(runs: Iterable[Launch]) -> str:
    """Return CSV with one line per step: label, device, seed, step, loss, batch accuracy, seconds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "device", "dtype", "seed", "step", "loss", "train_accuracy", "step_seconds"])
    for run in runs:
        for step, values in enumerate(zip(run.losses, run.train_accuracies, run.step_seconds, strict=True)):
            writer.writerow([run.label, run.device, run.dtype, run.seed, step, *map(repr, values)])
    return text.getvalue()


def curve_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Return losses and accuracies at regular steps: a variant of each, first seed, and the tutorial."""
    shown = first_of_each_framework(results.runs)
    tutorial = {point.step: point for point in published(results.config)}
    header = ["step"]
    accuracy = [] if results.config.task else ["accuracy"]  # a task has no accuracy
    for run in shown:
        header += [f"{FRAMEWORK_NAMES[run.framework]} loss", *accuracy]
    header += ["tutorial 2017", "accuracy"] if tutorial else []
    rows = []
    last = max((len(run.losses) for run in shown), default=0) - 1
    for step in sorted({*range(0, last + 1, results.config.spec.training.log_interval), max(last, 0)}):
        row = [f"{step:,}"]
        for run in shown:
            row += curve_cells(run, step)[: 1 + len(accuracy)]
        if tutorial:
            point = tutorial.get(step)
            row += [format_loss(point.loss), format_percent(point.batch_accuracy)] if point else ["", ""]
        rows.append(row)
    return header, rows if shown else []


def curve_cells(run: Launch, step: int) -> list[str]:
    if step >= len(run.losses):
        return ["", ""]
    return [format_loss(run.losses[step]), format_percent(run.train_accuracies[step])]


def first_of_each_framework(runs: Sequence[Launch]) -> list[Launch]:
    found: dict[str, Launch] = {}
    for run in runs:
        if run.losses:
            found.setdefault(run.framework, run)
    return list(found.values())


def accuracy_cell(runs: Sequence[Launch]) -> str:
    """Return the mean test accuracy over seeds and its standard deviation, in percent."""
    values = [run.test_accuracy * 100 for run in runs if run.test_accuracy is not None]
    if not values:
        return ""
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread} %"


def seconds_cell(seconds: float | None) -> str:
    return "" if seconds is None else format_seconds(seconds)
