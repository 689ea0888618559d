"""Made-up results in the shape of real ones, as large as a report gets."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from typing import Literal

from compare.records import queries
from compare.records.config import Config, Data
from compare.records.environment import Environment
from compare.records.parity import Climb, Difference, Gate, Rung
from compare.records.results import Comparison, Results, Run, SweepPoint
from compare.statistics.intervals import Interval
from compare.statistics.verdicts import Verdict, accuracy_verdict, ratio_verdict
from lenet_spec import LeNetSpec

# label: (median milliseconds, import seconds, first step seconds, MiB)
VARIANTS = {
    "tf:eager": (31.0, 3.1, 0.35, 910),
    "tf:keras": (38.5, 3.1, 1.2, 940),
    "tf:tuned": (26.8, 3.1, 0.30, 900),
    "tf:graph": (14.2, 3.1, 0.9, 930),
    "tf:xla": (30.1, 3.1, 2.6, 1010),
    "torch:eager": (24.6, 1.4, 0.08, 620),
    "torch:tuned": (16.1, 1.4, 0.09, 640),
    "torch:compiled": (29.4, 1.4, 21.5, 980),
    "torch:cudagraph": (24.9, 1.4, 0.4, 700),
    "torch:channels_last": (19.8, 1.4, 0.1, 650),
}
BASELINE = "tf:eager"


def results(
    labels: tuple[str, ...] = ("tf:eager", "torch:eager"),
    *,
    seeds: int = 3,
    steps: int = 1000,
    devices: tuple[str, ...] = ("cpu",),
    explained: bool = False,
) -> Results:
    """Return a complete set; `explained` adds phases, peaks and a batch sweep."""
    runs = [
        run(label, device, seed, steps, explained=explained)
        for seed in range(seeds)
        for device in devices
        for label in labels
    ]
    made = Results(
        config=config(labels, devices, seeds, steps), environment=copy.deepcopy(ENVIRONMENT), runs=runs
    )
    made.parity = gate(labels)
    made.comparisons = [
        comparison
        for device in devices
        for other in labels[1:]
        for comparison in compared(other, device, seeds)
    ]
    if explained:
        made.batch_sweep = sweep(labels, devices)
    return made


ENVIRONMENT = Environment(
    cpu="AMD EPYC",
    cpus_usable=2,
    cpus_total=2,
    memory_bytes=25276510208,
    system="Linux",
    kernel="6.1",
    libc="glibc 2.36",
    machine="x86_64",
    python="3.11.7",
    packages={"numpy": "2.4.6"},
    code_version="0.1.0 (1606bcee55c6)",
    load_average_1min=0.4,
)


def config(
    labels: tuple[str, ...] = ("tf:eager", "torch:eager"),
    devices: tuple[str, ...] = ("cpu",),
    seeds: int = 3,
    steps: int = 1000,
) -> Config:
    """Return the options of a run, as results hold them."""
    return Config(
        device=",".join(devices),
        variants=",".join(labels),
        steps=steps,
        batch_size=128,
        seeds=seeds,
        first_seed=0,
        dtype="float32",
        preset="standard",
        allocator="stable",
        threads=2,
        thread_counts=[2],
        data=Data(source="MNIST", sha256="94" * 32, train_images=55000, test_images=10000),
        spec=LeNetSpec(),
    )


def rows(*runs: Run, threads: Sequence[Run] = ()) -> Results:
    """Results of these launches, and short ones at other thread counts, with nothing made of them."""
    return Results(config=config(), runs=list(runs), thread_runs=list(threads))


def run(label: str, device: str, seed: int, steps: int, *, explained: bool = False) -> Run:
    """Return a launch with plausible losses and times, the same for the same arguments."""
    milliseconds, import_seconds, first_step, mib = VARIANTS[label]
    chance = random.Random(f"{label} {device} {seed}")
    milliseconds *= (0.06 if device == "cuda" else 1) * chance.gauss(1, 0.03)
    framework, _, variant = label.partition(":")
    made = Run(
        framework="tf" if framework == "tf" else "torch",
        variant=variant,
        device=device,
        dtype="float32",
        seed=seed,
        label=label,
        status="ok",
        reason=None,
        losses=curve(seed, steps, chance),
        step_seconds=[milliseconds / 1000 * slowness(chance) for _ in range(steps)],
        warmup_steps=min(20, steps // 5),
        test_accuracy=0.9903 + chance.gauss(0, 0.0008),
        import_seconds=import_seconds * chance.gauss(1, 0.05),
        build_seconds=0.2,
        first_step_seconds=first_step,
        peak_rss_bytes=int(mib * 2**20),
        peak_device_bytes=int(mib * 2**19) if device == "cuda" else None,
        threads={"intra_op": 2, "inter_op": 2},
        versions={"tensorflow": "2.21.0"} if framework == "tf" else {"torch": "2.14.0"},
    )
    made.train_accuracies = [max(0.0, 1 - loss / 3) for loss in made.losses]
    if explained:
        explain(made, milliseconds / 1000)
    return made


def slowness(chance: random.Random) -> float:
    """Return a step's time over the fastest: skewed, and one in a hundred twice as long."""
    return 1 + abs(chance.gauss(0, 0.08)) + (chance.random() < 0.01)


def explain(made: Run, seconds: float) -> None:
    """Add what an explained launch records: phases, throughput, the peak of the machine."""
    shares = {"to_device": 0.03, "forward": 0.34, "backward": 0.52, "optimizer": 0.19}
    made.phase_seconds = {name: [seconds * share] * 20 for name, share in shares.items()}
    made.unsynchronized_step_seconds = seconds * 0.97
    made.matmul_peak_flops = 4.2e11 if made.framework == "tf" else 3.6e11
    if made.device == "cuda":
        made.matmul_peak_flops *= 20


def curve(seed: int, steps: int, chance: random.Random) -> list[float]:
    """Return a loss as it falls: from 2.3 to noise about 0.03; seeds matter, variants hardly."""
    common = random.Random(seed)
    losses = []
    for step in range(steps):
        level = 2.28 * math.exp(-step / 18) + 0.5 * math.exp(-step / 120) + 0.03
        wobble = math.exp(common.gauss(0, 0.35 * min(1, step / 40)))
        losses.append(level * wobble * (1 + chance.gauss(0, 1e-4) * min(1, step / 50)))
    return losses


def compared(other: str, device: str, seeds: int) -> list[Comparison]:
    """Return the comparisons of step time and of accuracy with the baseline."""
    ratio = VARIANTS[other][0] / VARIANTS[BASELINE][0]
    step, accuracy = Interval(ratio, None, None, seeds), Interval(0.0002, None, None, seeds)
    if seeds > 1:
        step = Interval(ratio, ratio * 0.965, ratio * 1.035, seeds, 0.95, 0.01, 9.0)
        accuracy = Interval(0.0002, -0.0006, 0.001, seeds, 0.95, 0.0003, 9.0)
    title, baseline = queries.title(other), queries.title(BASELINE)
    return [
        comparison("step_seconds", device, other, ratio_verdict(step, other=title, baseline=baseline)),
        comparison(
            "test_accuracy", device, other, accuracy_verdict(accuracy, other=title, baseline=baseline)
        ),
    ]


def comparison(
    metric: Literal["step_seconds", "test_accuracy"], device: str, other: str, verdict: Verdict
) -> Comparison:
    """Return a row of the comparisons for a verdict."""
    return Comparison(
        metric=metric,
        device=device,
        baseline=BASELINE,
        other=other,
        launches=verdict.interval.launches,
        estimate=verdict.interval.estimate,
        low=verdict.interval.low,
        high=verdict.interval.high,
        verdict=verdict.words,
        sentence=verdict.sentence,
        more_launches=verdict.more_launches,
    )


def sweep(labels: tuple[str, ...], devices: tuple[str, ...]) -> list[SweepPoint]:
    """Return a batch sweep whose times grow evenly."""
    return [
        SweepPoint(label, device, size, (3 + VARIANTS[label][0] * size / 128) / 1000)
        for device in devices
        for label in labels
        for size in (1, 8, 32, 128, 512)
    ]


def gate(labels: tuple[str, ...]) -> Gate:
    """Return what the parity ladder records of a climb that holds."""
    names = ("names and shapes", "batches", "initial weights", "activations", "loss", "gradients", "one step")
    rungs = [
        Rung(
            number,
            name,
            "pass",
            [Difference(labels[0], labels[-1], "dense1/kernel", 2e-16, 3e-15, 1e-12, passed=True)],
        )
        for number, name in enumerate((*names, "N steps"), start=1)
    ]
    losses = curve(0, 20, random.Random(1))
    both: dict[str, list[float | None]] = {labels[0]: [*losses]}
    both[labels[-1]] = [loss * (1 + 2e-15) for loss in losses]
    climb = Climb(
        list(both),
        "float64",
        dropout=False,
        steps=20,
        judged_steps=20,
        oracle_steps=3,
        rungs=rungs,
        losses=both,
    )
    summary = "8 of 8 rungs · float64 losses agree to 2e-15 over 20 steps"
    return Gate(passed=True, summary=summary, rungs=rungs, climbs=[climb], steps=20, oracle_steps=3)
