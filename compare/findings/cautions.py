"""Finds reasons to trust a run's figures less, each with the next action."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import msgspec

from compare.findings.card_cautions import card_cautions
from compare.findings.comparisons import Compared, compare_runs
from compare.numbers import count, format_percent, format_ratio
from compare.records.queries import labels, runs_of
from compare.records.results import Launch, Results
from compare.statistics.summaries import warnings_for
from compare.supported import SUPPORTED, untested

MOST_FOREIGN_LOAD = 0.05  # as a fraction of the CPUs' time while a worker trained
MOST_THROTTLED = 0.01  # as a fraction of the periods of a CPU quota
MOST_FENCE = 0.01  # as a fraction of a step
MOST_CLOCK_CHANGE = 0.10  # as a fraction of the highest frequency
MOST_MOVED = 0.05  # as a fraction of a ratio of step times, between all steps and the quickest quarter
STEADY = {"trend", "spread_within"}  # they affect both sides of a pair: they matter only if a ratio moves


def warnings_about(results: Results, compared: Sequence[Compared]) -> list[str]:
    """Return reasons to trust the figures less, each with the next action, most important first."""
    timed = {
        label.full_title: [run.timed_seconds for run in runs_of(results.runs, label)]
        for label in labels(results.runs)
    }
    cautions = warnings_for(timed)
    machine = [*throttled(results), *foreign_load(results), *card_cautions(results), *clock_change(results)]
    if cautions or machine:
        disturbance = largest_disturbance(results.runs, compared)
        moved = disturbance is None or disturbance.change > MOST_MOVED
        machine += [one.sentence for one in cautions if one.kind not in {"few_steps", *STEADY}]
        machine += [one.sentence for one in cautions if one.kind in STEADY and moved]
        if machine and disturbance is not None:
            machine[0] += disturbance.sentence
    few = [caution.sentence for caution in cautions if caution.kind == "few_steps"]
    fences = [*costly_fences(results), *launch_bound_unknown(results)]
    rest = [*fences, *untested_versions(results.runs), *notes(results.runs)]
    return [*results.config.data.doubts, *machine, *few, *results.lost_nodes, *rest]


@dataclass(frozen=True)
class Disturbance:
    """A ratio of step times over all steps, and over the quickest steps, which other work affects least."""

    whole: Compared
    quick: Compared

    @property
    def change(self) -> float:
        """Return the absolute log of the factor between the two ratios."""
        whole, quick = self.whole.verdict.interval.estimate, self.quick.verdict.interval.estimate
        return abs(math.log(quick / whole)) if whole and quick else 0.0

    @property
    def sentence(self) -> str:
        whole, quick = self.whole.verdict, self.quick.verdict
        effect = "the verdict stays" if whole.kind == quick.kind else f"the verdict becomes: {quick.words}"
        sides = f"{self.whole.other.title} ÷ {self.whole.baseline.title}"
        return (
            f" In the quickest quarter of each launch's steps, which other work reaches least, {sides} is "
            f"{format_ratio(quick.interval)} instead of {format_ratio(whole.interval)}"
            + ("." if whole.kind == "not_enough" else f": {effect}.")
        )


def largest_disturbance(runs: Sequence[Launch], compared: Sequence[Compared]) -> Disturbance | None:
    """Return the comparison of step times that other work changes most; None if there is none.

    Other work makes steps slower, never faster, so a launch's quickest steps show the machine undisturbed.
    """
    quick = [quickest_quarter(run) for run in runs if run.timed_seconds]
    both = zip(step_times(compared), step_times(compare_runs(quick)), strict=False)
    return max((Disturbance(*pair) for pair in both), key=lambda one: one.change, default=None)


def step_times(compared: Sequence[Compared]) -> list[Compared]:
    return [one for one in compared if one.metric == "step_seconds"]


def quickest_quarter(run: Launch) -> Launch:
    seconds = sorted(run.timed_seconds)
    return msgspec.structs.replace(run, step_seconds=seconds[: math.ceil(len(seconds) / 4)], warmup_steps=0)


def foreign_load(results: Results) -> Iterable[str]:
    """Yield a caution if other programs used the workers' CPUs during the training."""
    shares = []
    # in files without cpus_allowed, other programs were counted on every CPU
    cpus = results.environment.cpus_allowed or results.environment.cpus_total or 1
    for run in results.runs:
        ends = run.warmup_steps
        wall = sum(run.step_seconds[ends:])
        if wall and len(run.foreign_cpu_seconds) > 1:
            shares.append(sum(run.foreign_cpu_seconds[1:]) / (wall * cpus))
    if shares and fmean(shares) > MOST_FOREIGN_LOAD:
        yield (
            f"Other programs used {format_percent(fmean(shares), 0)} of the CPUs while the workers trained. "
            "Close them, or do not use the machine, and run again."
        )


def throttled(results: Results) -> Iterable[str]:
    """Yield a caution if the workers used up a container's CPU quota before the end of too many periods."""
    periods = sum(run.quota_periods for run in results.runs)
    waited = sum(run.throttled_periods for run in results.runs)
    if waited > MOST_THROTTLED * periods:
        quota = results.environment.cpu_quota
        limit = f" of {quota:.3g} CPUs" if quota else ""
        yield (
            f"The CPU quota{limit} delayed the workers in {waited:,} of {periods:,} periods: step times "
            "include this delay. Raise the quota (docker --cpus, Kubernetes' limits) to whole CPUs, and run "
            "again."
        )


def clock_change(results: Results) -> Iterable[str]:
    """Yield a caution if the processor's frequency differed between the starts of the seeds."""
    seen = [value for value in results.environment.cpu_mhz if value]
    if seen and min(seen) < (1 - MOST_CLOCK_CHANGE) * max(seen):
        yield (
            f"The processor's clock went from {max(seen):,.0f} to {min(seen):,.0f} MHz during the run. "
            "Fix the frequency (the governor `performance`, boost off), or let the machine cool first."
        )


def launch_bound_unknown(results: Results) -> Iterable[str]:
    """Yield a caution if a card ran without a sweep of batch sizes, which shows if the card had to wait."""
    if any(run.device == "cuda" and run.status == "ok" for run in results.runs) and not any(
        run.batch_size_seconds for run in results.runs if run.device == "cuda"
    ):
        yield (
            "On cuda, launching the kernels can take longer than running them if the network is this small. "
            "This was not measured: add --batch-sizes 1,8,32,128,512."
        )


def costly_fences(results: Results) -> Iterable[str]:
    """Yield a caution for each label whose steps contain too much of the harness's own waiting."""
    for label in labels(results.runs):
        shares = [
            run.fence_seconds / median(run.timed_seconds)
            for run in runs_of(results.runs, label)
            if run.fence_seconds is not None and run.timed_seconds
        ]
        if shares and median(shares) > MOST_FENCE:
            yield (
                f"{label.full_title}: {format_percent(median(shares), 1)} of each step is the harness's own "
                "synchronization at its end. Compare the throughput, which has one synchronization for many "
                "steps, or use a larger --batch-size."
            )


def notes(runs: Sequence[Launch]) -> Iterable[str]:
    """Yield each problem that occurred after a result was complete, once, with the titles that had it."""
    befell: dict[str, list[str]] = {}
    for run in runs:
        for note in run.notes:
            befell.setdefault(note, []).append(run.full_label.full_title)
    for note, titles in befell.items():
        who = " and ".join(dict.fromkeys(titles))
        yield f"{who}, {count(len(titles), 'launch')}: part of the explanation is missing: {note}"


def untested_versions(runs: Sequence[Launch]) -> Iterable[str]:
    """Yield a caution for each supported version that the tests do not use."""
    versions = {(name, str(v)) for run in runs for name, v in run.versions.items() if name in SUPPORTED}
    for name, version in sorted(versions):
        if caution := untested(name, version):
            yield f"{caution}. Check that parity holds, or install the tested version."
