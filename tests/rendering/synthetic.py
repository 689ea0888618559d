"""Made-up results in the shape of real ones, as large as a report gets."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from typing import Any

from compare.findings.findings import Findings, find
from compare.records.config import Config, Data
from compare.records.environment import Environment
from compare.records.parity import Climb, Difference, Gate, Rung
from compare.records.results import Launch, Results
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
MNIST_SHA256 = "ae7d4a3f80cc9bcbbaaf16e5fe57ccfc21d9f84de731c4d59351d16aa656b8cb"


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
    find(made).record()
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
        data=Data(source="MNIST", sha256=MNIST_SHA256, train_images=55000, test_images=10000),
        spec=LeNetSpec(),
    )


def found(*labels: str, **options: Any) -> list[Findings]:
    """Return what `results` of these labels say, as a report of one run takes it."""
    return [find(results(labels, **options) if labels else results(**options))]


def two(first: Results, second: Results) -> list[Findings]:
    """Return the same of two runs side by side."""
    return [find(first, "A"), find(second, "B")]


def rows(*runs: Launch, threads: Sequence[Launch] = ()) -> Results:
    """Results of these launches, and short ones at other thread counts, with nothing made of them."""
    return Results(config=config(), runs=list(runs), thread_runs=list(threads))


def run(label: str, device: str, seed: int, steps: int, *, explained: bool = False) -> Launch:
    """Return a launch with plausible losses and times, the same for the same arguments."""
    milliseconds, import_seconds, first_step, mib = VARIANTS[label]
    chance = random.Random(f"{label} {device} {seed}")
    milliseconds *= (0.06 if device == "cuda" else 1) * chance.gauss(1, 0.03)
    framework, _, variant = label.partition(":")
    made = Launch(
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


def explain(made: Launch, seconds: float) -> None:
    """Add what an explained launch records: phases, throughput, the peak of the machine."""
    shares = {"to_device": 0.03, "forward": 0.34, "backward": 0.52, "optimizer": 0.19}
    made.phase_seconds = {name: [seconds * share] * 20 for name, share in shares.items()}
    made.unsynchronized_step_seconds = seconds * 0.97
    made.batch_size_seconds = {
        str(size): [0.003 + VARIANTS[made.label][0] * size / 128000] * 20 for size in (1, 8, 32, 128, 512)
    }
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


def gate(labels: tuple[str, ...]) -> Gate:
    """Return what the parity ladder records of a climb that holds."""
    sides = (labels[0], labels[-1])
    names = ("names and shapes", "batches", "initial weights", "activations", "loss", "gradients", "one step")
    rungs = [
        Rung(number, name, "pass", [Difference(*sides, "dense1/kernel", 2e-16, 3e-15, 1e-12, passed=True)])
        for number, name in enumerate(names, start=1)
    ]
    first = curve(0, 20, random.Random(1))
    losses: dict[str, list[float | None]] = {side: [*first] for side in sides}
    losses[sides[-1]] = [loss * (1 + 9e-16) for loss in first]
    apart = Difference(*sides, "losses", 0.0, 0.0, 1e-13, passed=True)
    climb = Climb(
        list(losses),
        "float64",
        dropout=False,
        steps=20,
        judged_steps=20,
        oracle_steps=3,
        rungs=[*rungs, Rung(8, "N steps", "pass", [apart])],
        losses=losses,
    )
    return Gate(passed=True, summary="", climbs=[climb], steps=20, oracle_steps=3)
