"""Derives the figures of the whole job from raw samples: input pipelines, time to an accuracy, inference.

The launch is the unit, as in all comparisons: each launch is reduced to one number before the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeVar

from compare.inference_forms import FORMS_BY_NAME
from compare.labels import Label
from compare.pipelines import PIPELINES_BY_NAME
from compare.records.job import InferenceRun, InputsRun
from compare.records.queries import labels, runs_of
from compare.records.results import Launch, Results
from compare.statistics.intervals import common_seeds, ratio_interval
from compare.statistics.verdicts import Verdict, ratio_verdict

R = TypeVar("R", InputsRun, InferenceRun)
HEAD_STEPS = 20  # omitted at the start of a pipeline's launch, because it may have prepared as many batches


@dataclass(frozen=True)
class Fed:
    """A pipeline, over its good launches. Seconds are medians over launches of each launch's median step."""

    label: Label
    does: str
    step_seconds: float  # with its input
    step_alone_seconds: float  # of the eager launches of the same seeds, with arrays in memory
    pipeline_alone_seconds: float
    first_batch_seconds: float
    cpu_seconds: float  # per step
    launches: int

    @property
    def stall_seconds(self) -> float:
        """Return the time that the input adds to a step. It is below 0 if noise is larger."""
        return self.step_seconds - self.step_alone_seconds

    @property
    def loader_is_the_bottleneck(self) -> bool:
        return self.stall_seconds > self.step_seconds / 2


@dataclass(frozen=True)
class Answering:
    """A form of the trained model with one thread count, over its good launches, by batch size."""

    label: Label
    does: str
    threads: int
    p50_seconds: dict[int, float]
    p99_seconds: dict[int, float]
    build_seconds: float
    largest_error: float
    launches: int


@dataclass(frozen=True)
class Reaching:
    """The time at which a label's launches reached the target, as medians over those that reached it."""

    label: Label
    launches: int
    reached: int
    steps: float | None
    training_seconds: float | None  # without start-up and compilation
    cold_seconds: float | None  # with import, building and compilation


def fed(results: Results) -> list[Fed]:
    found = []
    for label, runs in good(results.input_runs).items():
        pairs = [(run, eager) for run in runs if (eager := eager_of(results, run)) is not None]
        if pairs:
            found.append(
                Fed(
                    Label.read(label),
                    PIPELINES_BY_NAME[Label.read(label).name].does,
                    median(step_with_input(run) for run, _ in pairs),
                    median(median(eager.timed_seconds) for _, eager in pairs),
                    median(median(run.alone_seconds[1:] or run.alone_seconds) for run, _ in pairs),
                    median(run.first_batch_seconds or 0.0 for run, _ in pairs),
                    median((run.cpu_seconds or 0.0) / len(run.step_seconds) for run, _ in pairs),
                    len(pairs),
                )
            )
    return found


def eager_of(results: Results, run: InputsRun) -> Launch | None:
    wanted = (f"{run.framework}:eager", run.seed, run.device, run.machine, "ok")
    for one in results.runs:
        if (one.label, one.seed, one.device, one.machine, one.status) == wanted:
            return one
    return None


def step_with_input(run: InputsRun) -> float:
    head = min(HEAD_STEPS, len(run.step_seconds) // 2)
    return median(run.step_seconds[head:])


def input_verdicts(results: Results) -> list[Verdict]:
    return [*verdicts_between(results), *verdicts_against_itself(results)]


def verdicts_between(results: Results) -> list[Verdict]:
    """Compare every pipeline with the first, then each with its framework's first."""
    launches = good(results.input_runs)
    pipelines = [label for label in launches if Label.read(label).number == 1]
    firsts: dict[str, str] = {}
    for label in pipelines:
        firsts.setdefault(Label.read(label).framework, label)
    wanted: dict[tuple[str, str], None] = {}
    for baseline in firsts.values():
        for other in pipelines:
            same = Label.read(other).framework == Label.read(baseline).framework
            if other != baseline and (same or baseline == pipelines[0]):
                wanted.setdefault((baseline, other))
    return [input_verdict(launches, baseline, other) for baseline, other in wanted]


def verdicts_against_itself(results: Results) -> list[Verdict]:
    """Compare each pipeline that --inputs repeats with its first occurrence."""
    launches = good(results.input_runs)
    again = [(Label.read(label).name, label) for label in launches if Label.read(label).number > 1]
    return [input_verdict(launches, first, label) for first, label in again if first in launches]


def input_verdict(launches: dict[str, list[InputsRun]], baseline: str, other: str) -> Verdict:
    return compared(
        {run.seed: step_with_input(run) for run in launches[baseline]},
        {run.seed: step_with_input(run) for run in launches[other]},
        names=(title(baseline), title(other)),
        quantity="step with its input",
    )


def answering(results: Results) -> list[Answering]:
    found = []
    for threads in sorted({run.threads for run in results.inference_runs}):
        at_once = [run for run in results.inference_runs if run.threads == threads]
        for label, runs in good(at_once).items():
            sizes = [int(size) for size in runs[0].call_seconds]
            found.append(
                Answering(
                    Label.read(label),
                    FORMS_BY_NAME[label].does,
                    threads,
                    {size: median(p50(run, size) for run in runs) for size in sizes},
                    {size: median(percentile_99(run, size) for run in runs) for size in sizes},
                    median(run.build_seconds or 0.0 for run in runs),
                    max(run.largest_error or 0.0 for run in runs),
                    len(runs),
                )
            )
    return found


def p50(run: InferenceRun, batch_size: int) -> float:
    return median(run.call_seconds[str(batch_size)])


def percentile_99(run: InferenceRun, batch_size: int) -> float:
    return quantiles(run.call_seconds[str(batch_size)], n=100, method="inclusive")[98]


def single_image_verdict(results: Results) -> Verdict | None:
    """Compare each framework's fastest form for one image, with all threads."""
    threads = max((run.threads for run in results.inference_runs), default=0)
    best = [fastest(answering(results), framework, threads) for framework in ("tf", "torch")]
    if best[0] is None or best[1] is None:
        return None
    launches = good([run for run in results.inference_runs if run.threads == threads])
    names = [one.label.entry for one in best if one is not None]
    sides = [{run.seed: p50(run, 1) for run in launches[name]} for name in names]
    return compared(*sides, names=(title(names[0]), title(names[1])), quantity="time to answer one image")


def fastest(found: Sequence[Answering], framework: str, threads: int) -> Answering | None:
    mine = [one for one in found if (one.label.framework, one.threads) == (framework, threads)]
    return min(mine, key=lambda one: one.p50_seconds[1], default=None)


def reaching(results: Results) -> list[Reaching]:
    """Return the times to the target for each label; nothing without --target-accuracy."""
    target = results.config.target_accuracy
    if target is None:
        return []
    found = []
    for label in labels(results.runs):
        runs = runs_of(results.runs, label)
        times = [(run, steps) for run in runs if (steps := steps_to(run, target)) is not None]
        found.append(
            Reaching(
                label,
                len(runs),
                len(times),
                middle([float(steps) for _, steps in times]),
                middle([training_seconds(run, steps) for run, steps in times]),
                middle([cold_seconds(run, steps) for run, steps in times]),
            )
        )
    return found


def middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def steps_to(run: Launch, target_percent: float) -> int | None:
    """Return the number of steps before the first evaluation that reached the target; None if none did."""
    looks = zip(run.evaluated_steps, run.evaluated_accuracies, strict=True)
    return next((steps for steps, share in looks if share >= target_percent / 100), None)


def training_seconds(run: Launch, steps: int) -> float:
    """Return the time of the first `steps` steps. The first one compiles, so it counts as a typical one."""
    first = min(run.step_seconds[0], median(run.step_seconds[:steps]))
    return first + sum(run.step_seconds[1:steps])


def cold_seconds(run: Launch, steps: int) -> float:
    return (run.import_seconds or 0.0) + (run.build_seconds or 0.0) + sum(run.step_seconds[:steps])


def target_verdict(results: Results) -> Verdict | None:
    """Compare the first label of each framework, from a cold start."""
    target = results.config.target_accuracy
    firsts: dict[str, Label] = {}
    for label in labels(run for run in results.runs if run.status == "ok"):
        firsts.setdefault(label.framework, label)
    if target is None or len(firsts) < 2:
        return None
    sides = [
        {
            run.seed: cold_seconds(run, steps)
            for run in runs_of(results.runs, label)
            if (steps := steps_to(run, target)) is not None
        }
        for label in firsts.values()
    ]
    first, second = (label.title for label in firsts.values())
    return compared(*sides, names=(first, second), quantity=f"time to {target:g} % from a cold start")


def compared(
    baseline: dict[int, float], other: dict[int, float], *, names: tuple[str, str], quantity: str
) -> Verdict:
    """Compare one number per seed of each side, paired over the seeds that both have."""
    seeds = common_seeds(baseline, other)
    interval = ratio_interval([other[seed] for seed in seeds], [baseline[seed] for seed in seeds])
    return ratio_verdict(interval, other=names[1], baseline=names[0], quantity=quantity)


def title(label: str) -> str:
    return Label.read(label).title


def good(runs: Sequence[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = {}
    for run in runs:
        if run.status == "ok":
            found.setdefault(run.label, []).append(run)
    return found


def failed(results: Results) -> list[str]:
    """Return one line for each label and reason of a failed launch of a pipeline or form."""
    lines: dict[str, None] = {}
    for fed_run in results.input_runs:
        if fed_run.status != "ok":
            lines.setdefault(f"{title(fed_run.label)}: {fed_run.status}: {reason(fed_run.reason)}")
    for run in results.inference_runs:
        if run.status != "ok":
            lines.setdefault(f"{title(run.label)}: {run.status}: {reason(run.reason)}")
    return list(lines)


def reason(text: str | None) -> str:
    """Return a reason without the log's name, so that equal failures have equal reasons."""
    return (text or "").partition("; log: ")[0]
