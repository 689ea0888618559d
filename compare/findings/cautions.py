"""Reasons to trust a run's figures less, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from compare.findings.card_cautions import card_cautions
from compare.numbers import count, format_percent
from compare.records.queries import labels, runs_of
from compare.records.results import Launch, Results
from compare.statistics.summaries import warnings_for
from compare.supported import SUPPORTED, untested

MOST_FOREIGN_LOAD = 0.05  # of the CPUs' time while a worker trained
MOST_THROTTLED = 0.01  # of the periods of a CPU quota
MOST_FENCE = 0.01  # of a step
MOST_CLOCK_CHANGE = 0.10  # of the highest frequency seen


def warnings_about(results: Results) -> list[str]:
    """Return reasons to trust the figures less, each with what to do next; what weighs most comes first."""
    timed = {
        label.full_title: [run.timed_seconds for run in runs_of(results.runs, label)]
        for label in labels(results.runs)
    }
    machine = [*throttled(results), *foreign_load(results), *card_cautions(results), *clock_change(results)]
    launches = [caution.sentence for caution in warnings_for(timed)]
    fences = [*costly_fences(results), *launch_bound_unknown(results)]
    rest = [*fences, *untested_versions(results.runs), *notes(results.runs)]
    return [*results.config.data.doubts, *machine, *launches, *rest]


def foreign_load(results: Results) -> Iterable[str]:
    """Other programs on the CPUs that the workers may use, while they trained."""
    shares = []
    # files from before cpus_allowed counted what others did on every CPU
    cpus = results.environment.cpus_allowed or results.environment.cpus_total or 1
    for run in results.runs:
        ends = run.warmup_steps
        wall = sum(run.step_seconds[ends:])
        if wall and len(run.foreign_cpu_seconds) > 1:
            shares.append(sum(run.foreign_cpu_seconds[1:]) / (wall * cpus))
    if shares and fmean(shares) > MOST_FOREIGN_LOAD:
        yield (
            f"Other programs used {format_percent(fmean(shares), 0)} of the CPUs while the workers trained. "
            "Close them, or leave the machine alone, and run again."
        )


def throttled(results: Results) -> Iterable[str]:
    """Periods of a container's CPU quota that the workers had used up before their end."""
    periods = sum(run.quota_periods for run in results.runs)
    waited = sum(run.throttled_periods for run in results.runs)
    if waited > MOST_THROTTLED * periods:
        quota = results.environment.cpu_quota
        limit = f" of {quota:.3g} CPUs" if quota else ""
        yield (
            f"The CPU quota{limit} held the workers back in {waited:,} of {periods:,} periods: step times "
            "hold waiting. Raise the quota (docker --cpus, Kubernetes' limits) to whole CPUs, and run again."
        )


def clock_change(results: Results) -> Iterable[str]:
    """Return the processor's frequency, where the system tells it, at the start of each seed."""
    seen = [value for value in results.environment.cpu_mhz if value]
    if seen and min(seen) < (1 - MOST_CLOCK_CHANGE) * max(seen):
        yield (
            f"The processor's clock went from {max(seen):,.0f} to {min(seen):,.0f} MHz during the run. "
            "Fix the frequency (the governor `performance`, boost off), or let the machine cool first."
        )


def launch_bound_unknown(results: Results) -> Iterable[str]:
    """Return a network this small may keep a card waiting, which only a sweep of batch sizes shows."""
    if any(run.device == "cuda" and run.status == "ok" for run in results.runs) and not any(
        run.batch_size_seconds for run in results.runs if run.device == "cuda"
    ):
        yield (
            "Whether a step on cuda is bound by launching kernels, as a network this small can be, was not "
            "measured: add --batch-sizes 1,8,32,128,512."
        )


def costly_fences(results: Results) -> Iterable[str]:
    """Yield whose steps hold so much of the harness's own waiting that it changes their time."""
    for label in labels(results.runs):
        shares = [
            run.fence_seconds / median(run.timed_seconds)
            for run in runs_of(results.runs, label)
            if run.fence_seconds is not None and run.timed_seconds
        ]
        if shares and median(shares) > MOST_FENCE:
            yield (
                f"{label.full_title}: {format_percent(median(shares), 1)} of each step is the harness's own "
                "wait at its end. Compare the throughput, which has one wait for many steps, or use a larger "
                "--batch-size."
            )


def notes(runs: Sequence[Launch]) -> Iterable[str]:
    """Yield each thing that went wrong after a result stood, once, with everyone that it befell."""
    befell: dict[str, list[str]] = {}
    for run in runs:
        for note in run.notes:
            befell.setdefault(note, []).append(run.full_label.full_title)
    for note, titles in befell.items():
        who = " and ".join(dict.fromkeys(titles))
        yield f"{who}, {count(len(titles), 'launch')}: part of the explanation is missing: {note}"


def untested_versions(runs: Sequence[Launch]) -> Iterable[str]:
    """Supported versions that the tests do not run with: parity still proves that they compute the same."""
    versions = {(name, str(v)) for run in runs for name, v in run.versions.items() if name in SUPPORTED}
    for name, version in sorted(versions):
        if caution := untested(name, version):
            yield f"{caution}. Check that parity holds, or install the tested version."
