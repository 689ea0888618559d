"""Which labels are compared with which, on what, and what to be wary of: from rows to verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from compare.experiment.card_cautions import card_cautions
from compare.numbers import format_percent
from compare.records.queries import labels, runs_of, title
from compare.records.results import Comparison, Results, Run, SweepPoint
from compare.statistics.intervals import common_seeds, difference_interval, ratio_interval
from compare.statistics.summaries import warnings_for
from compare.statistics.verdicts import Verdict, accuracy_verdict, ratio_verdict
from compare.supported import SUPPORTED, untested

MOST_FOREIGN_LOAD = 0.05  # of the CPUs' time while a worker trained
MOST_THROTTLED = 0.01  # of the periods of a CPU quota
MOST_CLOCK_CHANGE = 0.10  # of the highest frequency seen


def compare_runs(runs: Sequence[Run]) -> list[Comparison]:
    """Step time and accuracy of every pair of interest, over the seeds that both finished."""
    found = []
    for baseline, other, device in pairs(runs):
        first = {run.seed: run for run in runs_of(runs, baseline, device)}
        second = {run.seed: run for run in runs_of(runs, other, device)}
        seeds = common_seeds(dict.fromkeys(first, 0.0), dict.fromkeys(second, 0.0))
        names = title(other), title(baseline)
        times = ratio_interval(
            [median(second[seed].timed_seconds) for seed in seeds],
            [median(first[seed].timed_seconds) for seed in seeds],
        )
        accuracies = difference_interval(
            [second[seed].test_accuracy or 0.0 for seed in seeds],
            [first[seed].test_accuracy or 0.0 for seed in seeds],
        )
        found.append(
            comparison(
                "step_seconds",
                device,
                baseline,
                other,
                ratio_verdict(times, other=names[0], baseline=names[1]),
            )
        )
        found.append(
            comparison(
                "test_accuracy",
                device,
                baseline,
                other,
                accuracy_verdict(accuracies, other=names[0], baseline=names[1]),
            )
        )
    return found


def pairs(runs: Sequence[Run]) -> list[tuple[str, str, str]]:
    """(baseline, other, device): all against the first label, then each against its framework's first."""
    found: dict[tuple[str, str, str], None] = {}
    for device in dict.fromkeys(run.device for run in runs):
        present = [label for label, where in labels(runs) if where == device]
        present = [label for label in present if runs_of(runs, label, device)]
        for baseline in first_labels(present):
            for other in present:
                same_framework = other.partition(":")[0] == baseline.partition(":")[0]
                if other != baseline and (baseline == present[0] or same_framework):
                    found.setdefault((baseline, other, device))
    return list(found)


def first_labels(present: Sequence[str]) -> list[str]:
    """Return the first label of each framework, in order."""
    first: dict[str, str] = {}
    for label in present:
        first.setdefault(label.partition(":")[0], label)
    return list(first.values())


def comparison(metric: str, device: str, baseline: str, other: str, verdict: Verdict) -> Comparison:
    interval = verdict.interval
    return Comparison(
        metric=metric,  # type: ignore[arg-type]
        device=device,
        baseline=baseline,
        other=other,
        launches=interval.launches,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        verdict=verdict.words,
        sentence=verdict.sentence,
        more_launches=verdict.more_launches,
    )


def batch_sweep(runs: Sequence[Run]) -> list[SweepPoint]:
    """Return the median over launches of each launch's median, at each batch size that was swept."""
    found = []
    for label, device in labels(runs):
        good = [run.batch_size_seconds for run in runs_of(runs, label, device)]
        for size in dict.fromkeys(size for sizes in good for size in sizes):
            medians = [median(sizes[size]) for sizes in good if sizes.get(size)]
            found.append(SweepPoint(label, device, int(size), median(medians)))
    return found


def warnings_about(results: Results) -> list[str]:
    """Reasons to trust the figures less, each with what to do next."""
    found = list(results.config.data.doubts)
    for label, device in labels(results.runs):
        timed = [run.timed_seconds for run in runs_of(results.runs, label, device)]
        found += [caution.sentence for caution in warnings_for(f"{title(label)}, {device}", timed)]
    found += [*foreign_load(results), *throttled(results), *clock_change(results), *card_cautions(results)]
    found += [*launch_bound_unknown(results), *notes(results.runs)]
    return [*found, *untested_versions(results.runs)]


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
    """Yield the processor's frequency, where the system tells it, at the start of each seed."""
    seen = [value for value in results.environment.cpu_mhz if value]
    if seen and min(seen) < (1 - MOST_CLOCK_CHANGE) * max(seen):
        yield (
            f"The processor's clock went from {max(seen):,.0f} to {min(seen):,.0f} MHz during the run. "
            "Fix the frequency (the governor `performance`, boost off), or let the machine cool first."
        )


def launch_bound_unknown(results: Results) -> Iterable[str]:
    """Warn that a network this small may keep a card waiting, which only a sweep of batch sizes shows."""
    if any(run.device == "cuda" and run.status == "ok" for run in results.runs) and not any(
        run.batch_size_seconds for run in results.runs if run.device == "cuda"
    ):
        yield (
            "Whether a step on cuda is bound by launching kernels, as a network this small can be, was not "
            "measured: add --batch-sizes 1,8,32,128,512."
        )


def notes(runs: Sequence[Run]) -> Iterable[str]:
    for run in runs:
        for note in run.notes:
            yield f"{title(run.label)}, {run.device}, seed {run.seed}: not all was explained: {note}"


def untested_versions(runs: Sequence[Run]) -> Iterable[str]:
    """Supported versions that the tests do not run with: parity still proves that they compute the same."""
    versions = {(name, str(v)) for run in runs for name, v in run.versions.items() if name in SUPPORTED}
    for name, version in sorted(versions):
        if caution := untested(name, version):
            yield f"{caution}. Look whether parity held, or install that one."
