"""Defines the parts of `tools.first_card`. Each runs in its own process and returns facts."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from compare.experiment.card import CardWatch
from compare.records import parity
from compare.records.foreign import read_results
from compare.records.results import Launch
from compare.variants import VARIANTS
from tests import commands
from tools.gates import note_largest

COMMAND_SECONDS = 3600.0  # each part has its own limit
SIZES = (128, 1, 8, 512, 128, 1)  # each graph is replayed after a different one
Facts = dict[str, Any]


class Unexpected(Exception):
    """A part found something wrong; the message says what."""


def expect(holds: bool, what: str) -> None:
    """Raise Unexpected unless `holds` is True."""
    if not holds:
        raise Unexpected(what)


def variants(device: str, *, bfloat16: bool = False) -> str:
    """Return torch's variants on a device, separated by commas."""
    chosen = [one for one in VARIANTS if one.framework == "torch" and device in one.devices]
    return ",".join(one.name for one in chosen if one.bfloat16 or not bfloat16)


def command(module: str, *options: object, status: tuple[int, ...] = (0,), **environment: str) -> str:
    """Run one of the project's commands. Return its output. Raises Unexpected for any other exit status."""
    done = commands.command(
        *options, module=module, env=os.environ | environment, timeout_seconds=COMMAND_SECONDS
    )
    said = done.stdout + done.stderr
    expect(done.returncode in status, f"exit status {done.returncode}: {said[-1500:]}")
    expect("Traceback" not in said, f"a traceback: {said[-1500:]}")
    return said


def run(device: str, *options: object) -> tuple[str, list[Launch]]:
    """Return a run's output and its rows. Raises Unexpected unless all rows are `ok`."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run"
        said = command("compare.run", "--device", device, *options, "--out", out)
        runs = read_results(out).runs
    for one in runs:
        expect(one.status == "ok", f"{one.label}: {one.status}: {one.reason}")
    return said, runs


def refusals(_device: str) -> Facts:
    """Check that a run is refused, with the reason, if no card is visible."""
    options = ("--device", "cuda", "--variants", "torch:eager")
    said = command("compare.run", *options, status=(2,), CUDA_VISIBLE_DEVICES="")
    expect("--device cuda cannot be used here" in said, said)
    return {"said": said.splitlines()}


def description(device: str) -> Facts:
    """Return the driver's and torch's descriptions of themselves."""
    from compare.worker import nvidia_driver
    from torch_impl import runtime

    runtime.configure(device=device, threads=1, tf32=False, deterministic=False)
    driver = dataclasses.asdict(nvidia_driver.read())
    return {"driver": driver, "build": runtime.build()} | runtime.describe(device)


def ladder(device: str, dtype: str) -> Facts:
    """Compare every variant with the oracle, with dropout inactive and active."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "parity"
        options = ("--device", device, "--variants", variants(device), "--dtype", dtype, "--dropout", "both")
        command("compare.parity", *options, "--batch-size", 32, "--steps", 30, "--out", out)
        seen = parity.read(out / parity.FILE_NAME)
    largest: dict[tuple[str, str], Facts] = {}
    note_largest(seen.climbs, largest)
    return {"summary": seen.summary, "largest_errors": list(largest.values())}


def graphs(device: str) -> Facts:
    """Train with CUDA graphs and without, on several batch sizes, in float64. Check that losses are equal."""
    import numpy as np

    from compare.data.weights import initial_weights
    from lenet_spec import LeNetSpec
    from torch_impl import cudagraph, runtime, train

    runtime.configure(device=device, threads=1, tf32=False, deterministic=True)
    spec, rng = LeNetSpec(), np.random.default_rng(0)
    sides = [
        one.Trainer(spec, initial_weights(spec, 0), device=device, dtype="float64")
        for one in (train, cudagraph)
    ]
    apart = []
    for size in SIZES:
        batch = rng.random((size, *spec.input.shape)), rng.integers(0, spec.classes, size)
        eager, replayed = (float(side.step(*batch)[0]) for side in sides)
        apart.append(abs(eager - replayed) / eager)
    expect(max(apart) < 1e-12, f"the losses differ by {max(apart):.1e} of themselves")
    return {"sizes": SIZES, "largest_difference_of_losses": max(apart)}


def bfloat16(device: str) -> Facts:
    """Prove and train the form with layers in bfloat16."""
    names = variants(device, bfloat16=True)
    _, runs = run(device, "--variants", names, "--dtype", "bfloat16", "--seeds", 1, "--steps", 40)
    return {one.label: [one.losses[0], one.losses[-1]] for one in runs}


def tf32(device: str) -> Facts:
    """Set both TF32 switches, check them by a computation, and measure the rounding."""
    import torch

    from compare.worker.rounding import float32_rounding
    from lenet_spec import LeNetSpec
    from torch_impl import runtime

    has_tf32 = torch.cuda.get_device_capability() >= (8, 0)
    found = {}
    for switched in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = switched
        computed = runtime.tf32_computed()
        rounding = float32_rounding(runtime, device, LeNetSpec())
        found["on" if switched else "off"] = {"rounded": computed, "float32_rounding": rounding}
        expect(computed["products"] == (switched and has_tf32), f"TF32 {switched}: {computed}")
    run(device, "--variants", "torch:eager", "--tf32", "--seeds", 1, "--steps", 40)
    return found


def deterministic(device: str) -> Facts:
    """Check that two launches of one seed have the same losses, to the last bit."""
    names = "torch:eager,torch:eager"
    _, runs = run(device, "--variants", names, "--deterministic", "--seeds", 1, "--steps", 200)
    expect(runs[0].losses == runs[1].losses, "the losses of two equal launches differ")
    return {"steps": len(runs[0].losses)}


def clocks(device: str) -> Facts:
    """Measure an empty fence, and a step by the host's clock and by the card's clock."""
    import numpy as np

    from compare.data.weights import initial_weights
    from compare.worker.explanation import fence_seconds
    from lenet_spec import LeNetSpec
    from torch_impl import runtime, train

    runtime.configure(device=device, threads=1, tf32=False, deterministic=False)
    spec, rng = LeNetSpec(), np.random.default_rng(0)
    trainer = train.Trainer(spec, initial_weights(spec, 0), device=device, dtype="float32")
    batch = rng.random((128, *spec.input.shape), np.float32), rng.integers(0, spec.classes, 128)
    host, card = [], []
    for _ in range(120):
        trainer.synchronize()
        event = started(device)
        start = time.perf_counter()
        trainer.step(*batch)
        trainer.synchronize()
        host.append(time.perf_counter() - start)
        card.append(event())
    found = {"fence_seconds": fence_seconds(trainer), "host_step_seconds": median(host[20:])}
    return found if device == "cpu" else found | {"event_step_seconds": median(card[20:])}


def started(device: str) -> Callable[[], float]:
    """Record an event on the card. Return a function for the seconds since it; on the CPU it returns 0."""
    if device == "cpu":
        return lambda: 0.0
    import torch

    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()

    def seconds() -> float:
        end.record()
        torch.cuda.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    return seconds


def products(device: str) -> Facts:
    """Measure the peak of a matrix product, at two sizes."""
    from torch_impl import runtime

    runtime.configure(device=device, threads=1, tf32=False, deterministic=False)
    sizes = (2048, 8192) if device == "cuda" else (512, 1024)
    found = {}
    for size in sizes:
        seconds = min(runtime.matmul_seconds(device=device, dtype="float32", size=size, repeats=8))
        found[f"float32 {size}"] = {"seconds": seconds, "teraflops": 2 * size**3 / seconds / 1e12}
    return found


def nvml(_device: str) -> Facts:
    """Read the card's facts by the library that nvidia-smi uses."""
    import msgspec

    record = CardWatch(os.environ.get("CUDA_VISIBLE_DEVICES", "0")).record
    expect(record.absent is None, str(record.absent))
    return {"before": msgspec.to_builtins(record.before)}


def full_card(device: str) -> Facts:
    """Check that a run on a card without free memory is refused, with the reason and what to do."""
    import torch

    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(0, free - (700 << 20)), dtype=torch.uint8, device=device)
    options = ("--device", device, "--variants", "torch:eager", "--seeds", 1, "--steps", 20)
    said = command("compare.run", *options, "--batch-size", 8192, status=(1, 2))
    expect("the card's memory is full" in said, said)
    del held
    return {"said": said.splitlines()[-3:]}


def whole(device: str) -> Facts:
    """Run the main command for every variant and batch size."""
    length = ("--seeds", 2, "--steps", 300)
    said, runs = run(device, "--variants", variants(device), *length, "--batch-sizes", "1,8,32,128,512")
    rows = {}
    for label in dict.fromkeys(one.label for one in runs):
        own = [one for one in runs if one.label == label]
        steps = [seconds for one in own for seconds in one.timed_seconds]
        sizes = {size: median(seconds) for size, seconds in own[0].batch_size_seconds.items()}
        rows[label] = {"median_step_seconds": median(steps), "by_batch_size": sizes}
    return {"said": said.splitlines(), "rows": rows}


@dataclass(frozen=True)
class Part:
    """One part, which may take `limit_seconds`. needs: "nothing", "device" or "card"."""

    name: str
    look: Callable[[str], Facts]
    limit_seconds: float
    needs: Literal["nothing", "device", "card"] = "device"


PARTS = (
    Part("refusals", refusals, 60, "nothing"),
    Part("description", description, 60),
    Part("nvml", nvml, 30, "card"),
    Part("products", products, 60),
    Part("clocks", clocks, 60),
    Part("graphs", graphs, 60, "card"),
    Part("tf32", tf32, 90, "card"),
    Part("float64", lambda device: ladder(device, "float64"), 150),
    Part("float32", lambda device: ladder(device, "float32"), 150),
    Part("deterministic", deterministic, 90),
    Part("bfloat16", bfloat16, 120),
    Part("full_card", full_card, 60, "card"),
    Part("whole", whole, 240),
)
