"""Describes the whole job in sentences and tables, for the terminal, Markdown and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from compare.findings import job
from compare.findings.findings import Findings
from compare.numbers import count, format_percent, format_seconds
from compare.records.results import Results


class Table(NamedTuple):
    """A table. name: its id on the page; note: what the figures are; more: a sentence per comparison."""

    name: str
    title: str
    note: str
    header: list[str]
    rows: list[list[str]]
    more: list[str] = []  # noqa: RUF012  (a default that nobody changes)


def answers(found: Sequence[Findings]) -> list[str]:
    """Return one sentence each: time to the target, time of a single image, bottleneck, and each failure."""
    lines = []
    for one in found:
        own = [*target(one.results), *single_image(one.results), *bottlenecks(one.results)]
        own += job.failed(one.results)
        lines += [f"{one.name}: {line}" if one.name else line for line in own]
    return lines


def target(results: Results) -> Iterator[str]:
    if verdict := job.target_verdict(results):
        yield verdict.sentence
    for one in job.reaching(results):
        if one.reached < one.launches:
            yield (
                f"{one.label.title} did not reach {results.config.target_accuracy:g} % in "
                f"{count(results.config.steps, 'step')} in {one.launches - one.reached} of "
                f"{count(one.launches, 'launch')}."
            )


def single_image(results: Results) -> Iterator[str]:
    if verdict := job.single_image_verdict(results):
        yield verdict.sentence


def bottlenecks(results: Results) -> Iterator[str]:
    """Yield for each framework the stall of its first pipeline (its tutorials'), and the smallest stall."""
    found = job.fed(results)
    for framework in dict.fromkeys(one.label.framework for one in found):
        mine = [one for one in found if one.label.framework == framework]
        first, least = mine[0], min(mine, key=lambda one: one.stall_seconds)
        share = format_percent(max(0.0, first.stall_seconds) / first.step_seconds, 0)
        which = "The loader" if first.loader_is_the_bottleneck else "The step, not the loader,"
        line = (
            f"{which} is the bottleneck with {first.label.title}: its input adds "
            f"{format_seconds(max(0.0, first.stall_seconds))} to each step, {share} of it"
        )
        if least is not first:
            line += f"; with {least.label.title} {format_seconds(max(0.0, least.stall_seconds))}"
        yield line + "."


def tables(found: Sequence[Findings]) -> list[Table]:
    return [table for one in found for table in of_run(one)]


def of_run(one: Findings) -> Iterator[Table]:
    results, suffix = one.results, f" ({one.name})" if one.name else ""
    name = f"-{one.name.lower()}" if one.name else ""
    if rows := [target_row(row) for row in job.reaching(results)]:
        yield Table(
            f"job-target{name}",
            f"Time to {results.config.target_accuracy:g} % of the test images{suffix}",
            "The time until an evaluation first reaches this accuracy: medians over launches. Evaluations "
            "come every 20 steps and are not timed. A cold start includes import, building and compilation.",
            ["variant", "launches that reached it", "steps", "training", "from a cold start"],
            rows,
        )
    if pipelines := job.fed(results):
        yield Table(
            f"job-inputs{name}",
            f"Input pipelines{suffix}",
            "Each pipeline feeds the eager step for an epoch, in the shared order; the pipelines take turns. "
            "On the CPU its losses equal those of the eager launch to the last bit. Added: how much longer a "
            "step takes than on arrays in memory.",
            ["pipeline", "step with its input", "added", "pipeline alone", "first batch", "CPU time"],
            [input_row(row) for row in pipelines],
            [verdict.sentence for verdict in job.input_verdicts(results)],
        )
    if forms := job.answering(results):
        sizes = list(forms[0].p50_seconds)
        heads = [f"{what}, {count(size, 'image')}" for size in sizes for what in ("p50", "p99")]
        yield Table(
            f"job-inference{name}",
            f"Inference{suffix}",
            "The time from an array in memory to the logits on the host: medians over launches. The logits "
            "of every form agree with those of the NumPy oracle.",
            ["form", "threads", *heads, "until the first answer"],
            [form_row(row) for row in forms],
        )


def target_row(one: job.Reaching) -> list[str]:
    seconds = (one.training_seconds, one.cold_seconds)
    return [
        one.label.title,
        f"{one.reached} of {one.launches}",
        "" if one.steps is None else f"{one.steps:,.0f}",
        *("" if value is None else format_seconds(value) for value in seconds),
    ]


def input_row(one: job.Fed) -> list[str]:
    seconds = (
        one.step_seconds,
        one.stall_seconds,
        one.pipeline_alone_seconds,
        one.first_batch_seconds,
        one.cpu_seconds,
    )
    return [one.label.title, *map(format_seconds, seconds)]


def form_row(one: job.Answering) -> list[str]:
    figures = [
        format_seconds(by_size[size])
        for size in one.p50_seconds
        for by_size in (one.p50_seconds, one.p99_seconds)
    ]
    return [one.label.title, str(one.threads), *figures, format_seconds(one.build_seconds)]
