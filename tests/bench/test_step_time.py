"""Step times in pytest-benchmark: `make bench`.

The timer is the worker's own clock, so a round is one synchronized step, from NumPy arrays to the loss on the
host. Rounds and warm-up are fixed. Read a table within one run: a group holds what is comparable.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from compare.variants import VARIANTS, Variant
from tests.bench.clock import CLOCK
from tests.bench.conftest import Start

BATCH_SIZES = (1, 32, 128)
DEVICES = ("cpu", "cuda")
WARMUP_ROUNDS, ROUNDS = 20, 60
EMPTY_STEP = Path(__file__).parent / "empty_step.py"

CASES = [
    pytest.param(
        variant,
        device,
        batch_size,
        id=f"{variant.name}-{device}-batch{batch_size}",
        marks=[
            pytest.mark.benchmark(group=f"{device}, batch {batch_size}", timer=CLOCK),
            *([pytest.mark.cuda] if device == "cuda" else []),
        ],
    )
    for device in DEVICES
    for batch_size in BATCH_SIZES
    for variant in VARIANTS
    if device in variant.devices
]


@pytest.mark.parametrize(("variant", "device", "batch_size"), CASES)
def test_step(
    benchmark: BenchmarkFixture, start: Start, variant: Variant, device: str, batch_size: int
) -> None:
    """One training step of a variant."""
    place = (variant.module, variant.trainer)
    time_steps(benchmark, start, place, framework=variant.framework, device=device, batch_size=batch_size)


@pytest.mark.benchmark(group="harness", timer=CLOCK)
@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_empty_step(benchmark: BenchmarkFixture, start: Start, framework: str) -> None:
    """A step that does nothing: what the harness itself costs."""
    time_steps(benchmark, start, (str(EMPTY_STEP), "Trainer"), framework=framework)


def time_steps(
    benchmark: BenchmarkFixture,
    start: Start,
    place: tuple[str, str],
    *,
    framework: str,
    device: str = "cpu",
    batch_size: int = 128,
) -> None:
    """Time the steps of a trainer, and record the conditions they ran under. place: its module and class."""
    stepper = start(framework, device, batch_size, module=place[0], trainer=place[1])
    benchmark.pedantic(stepper.step, rounds=ROUNDS, iterations=1, warmup_rounds=WARMUP_ROUNDS)
    runtime = dict(stepper.ready.runtime)
    benchmark.extra_info.update(
        framework=framework,
        device=device,
        batch_size=batch_size,
        threads=runtime["threads"],
        versions=runtime["versions"],
        device_name=runtime["device_name"],
        last_loss=stepper.last_loss,
    )
