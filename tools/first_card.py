"""`python -m tools.first_card`: where there is a card and torch, try all that needs a card, in ten minutes.

Each part runs in a process of its own, under a limit of its own, and says what it saw. Without a card the
parts that need none run, and the others are refused, with the reason. `--device cpu` rehearses: the same
parts on the CPU, but for those that only a card can run. TensorFlow is not used. Exit status 1 unless all
passed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from compare.command_line import parse
from compare.config import RunConfig
from compare.experiment.card import CardWatch
from compare.experiment.devices import probe
from compare.records import machine
from compare.records.files import write_json

ROOT = Path(__file__).parents[1]
ALL_SECONDS = 570.0
REHEARSAL_FACTOR = 6  # how much longer a CPU may take
NO_CARD = "no card was asked for"
SIZES = (128, 1, 8, 512, 128, 1)  # each graph is replayed after another
Facts = dict[str, Any]


@dataclass(frozen=True)
class FirstCardConfig:
    """Try all that needs a card, and write what was seen."""

    device: Literal["cuda", "cpu"] = "cuda"
    """cpu: rehearse without a card"""
    parts: tuple[str, ...] = ()
    """which parts; default: all"""
    out: Path = ROOT / "runs" / "first_card.json"
    """the file to write"""
    inside: bool = False
    """run one part here, and print its facts: what this command starts for each part"""


class Unexpected(Exception):
    """What a part saw is not what it should be."""


def expect(holds: bool, what: str) -> None:
    """Raise Unexpected unless it holds."""
    if not holds:
        raise Unexpected(what)


def variants(device: str, *, bfloat16: bool = False) -> str:
    """Return torch's variants on a device, separated by commas."""
    from compare.variants import VARIANTS

    chosen = [one for one in VARIANTS if one.framework == "torch" and device in one.devices]
    return ",".join(one.name for one in chosen if one.bfloat16 or not bfloat16)


def command(module: str, *options: object, status: tuple[int, ...] = (0,), **environment: str) -> str:
    """Run one of the project's commands; return what it printed. Raises Unexpected for another status."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, options)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    expect(done.returncode in status, f"exit status {done.returncode}: {said[-1500:]}")
    expect("Traceback" not in said, f"a traceback: {said[-1500:]}")
    return said


def run(device: str, *options: object) -> tuple[str, list[Facts]]:
    """Return what a run printed, and its rows, all of which must be `ok`."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run"
        said = command("compare.run", "--device", device, *options, "--out", out)
        runs: list[Facts] = json.loads((out / "results.json").read_text())["runs"]
    for one in runs:
        expect(one["status"] == "ok", f"{one['label']}: {one['status']}: {one['reason']}")
    return said, runs


def refusals(_device: str) -> Facts:
    """Look whether a run whose card is hidden is refused in words."""
    options = ("--device", "cuda", "--variants", "torch:eager")
    said = command("compare.run", *options, status=(2,), CUDA_VISIBLE_DEVICES="")
    expect("--device cuda cannot be used here" in said, said)
    return {"said": said.splitlines()}


def description(device: str) -> Facts:
    """Return what the driver and torch say of themselves."""
    from compare.worker import driver
    from torch_impl import runtime

    runtime.configure(device=device, threads=1, tf32=False, deterministic=False)
    return {"driver": dataclasses.asdict(driver.read()), "build": runtime.build()} | runtime.describe(device)


def ladder(device: str, dtype: str) -> Facts:
    """Every variant against the oracle, with dropout inactive and active."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "parity"
        options = ("--device", device, "--variants", variants(device), "--dtype", dtype, "--dropout", "both")
        command("compare.parity", *options, "--batch-size", 32, "--steps", 30, "--out", out)
        parity = json.loads((out / "parity.json").read_text())
    largest: dict[str, float] = {}
    for one in (one for climb in parity["climbs"] for rung in climb["rungs"] for one in rung["differences"]):
        if one["relative"] is not None and one["right"] == "oracle":
            largest[one["group"]] = max(largest.get(one["group"], 0.0), one["relative"])
    return {"summary": parity["summary"], "largest_errors": largest}


def graphs(device: str) -> Facts:
    """Replayed CUDA graphs beside eager, over batches of several sizes, in float64."""
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
    expect(max(apart) < 1e-12, f"losses part by {max(apart):.1e}")
    return {"sizes": SIZES, "largest_difference_of_losses": max(apart)}


def bfloat16(device: str) -> Facts:
    """Prove and train the form with layers in bfloat16."""
    names = variants(device, bfloat16=True)
    _, runs = run(device, "--variants", names, "--dtype", "bfloat16", "--seeds", 1, "--steps", 40)
    return {one["label"]: [one["losses"][0], one["losses"][-1]] for one in runs}


def tf32(device: str) -> Facts:
    """Both switches, read back by computing, and how much is rounded."""
    import torch

    from compare.worker.contract import Runtime
    from compare.worker.rounding import float32_rounding
    from lenet_spec import LeNetSpec
    from torch_impl import runtime

    module: Runtime = runtime
    has_tf32 = torch.cuda.get_device_capability() >= (8, 0)
    found = {}
    for switched in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = switched
        computed = runtime.tf32_computed()
        rounding = float32_rounding(module, device, LeNetSpec())
        found["on" if switched else "off"] = {"rounded": computed, "float32_rounding": rounding}
        expect(computed["products"] == (switched and has_tf32), f"TF32 {switched}: {computed}")
    run(device, "--variants", "torch:eager", "--tf32", "--seeds", 1, "--steps", 40)
    return found


def deterministic(device: str) -> Facts:
    """Two launches of one seed have the same losses to the last bit."""
    names = "torch:eager,torch:eager"
    _, runs = run(device, "--variants", names, "--deterministic", "--seeds", 1, "--steps", 200)
    expect(runs[0]["losses"] == runs[1]["losses"], "the losses of two equal launches differ")
    return {"steps": len(runs[0]["losses"])}


def clocks(device: str) -> Facts:
    """Measure an empty fence, and a step by the host's clock beside the card's own."""
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
    """Record an event on the card; return what gives the seconds since it. On the CPU: nothing."""
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
    """Read the card's facts, by the library that nvidia-smi uses."""
    import msgspec

    record = CardWatch(os.environ.get("CUDA_VISIBLE_DEVICES", "0")).record
    expect(record.absent is None, str(record.absent))
    return {"before": msgspec.to_builtins(record.before)}


def full_card(device: str) -> Facts:
    """Look whether a card without memory is told in words, with what to do."""
    import torch

    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(0, free - (700 << 20)), dtype=torch.uint8, device=device)
    options = ("--device", device, "--variants", "torch:eager", "--seeds", 1, "--steps", 20)
    said = command("compare.run", *options, "--batch-size", 8192, status=(1, 2))
    expect("the card's memory is full" in said, said)
    del held
    return {"said": said.splitlines()[-3:]}


def whole(device: str) -> Facts:
    """Run the main command, over every variant and batch size."""
    options = (
        "--variants",
        variants(device),
        "--seeds",
        2,
        "--steps",
        300,
        "--batch-sizes",
        "1,8,32,128,512",
    )
    said, runs = run(device, *options)
    rows = {}
    for label in dict.fromkeys(one["label"] for one in runs):
        own = [one for one in runs if one["label"] == label]
        steps = [seconds for one in own for seconds in one["step_seconds"][one["warmup_steps"] :]]
        sizes = {size: median(seconds) for size, seconds in own[0]["batch_size_seconds"].items()}
        rows[label] = {"median_step_seconds": median(steps), "by_batch_size": sizes}
    return {"said": said.splitlines(), "rows": rows}


@dataclass(frozen=True)
class Part:
    """What is tried, for at most `limit_seconds`. needs: "nothing", "device" or "card"."""

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


def main() -> int:
    """Try every part and write what was seen; return the exit status."""
    config = parse(FirstCardConfig, sys.argv[1:], program="tools.first_card")
    chosen = [part for part in PARTS if not config.parts or part.name in config.parts]
    if config.inside:
        return inside(chosen[0], config.device)
    options = RunConfig(device=("cuda",), variants=("torch:eager",))
    missing = NO_CARD if config.device == "cpu" else probe(options, "torch", "cuda")
    longer = REHEARSAL_FACTOR if config.device == "cpu" else 1
    ends, found = time.monotonic() + longer * ALL_SECONDS, []
    for part in chosen:
        start = time.monotonic()
        seen: Facts = {"part": part.name} | outcome(
            part, config.device, missing, min(longer * part.limit_seconds, ends - start)
        )
        seen["seconds"] = round(time.monotonic() - start, 1)
        found.append(seen)
        print(f"{seen['outcome']:8} {part.name:14} {seen['seconds']:6.1f} s  {shown(seen)}", flush=True)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(config.out, {"environment": machine.describe(), "device": config.device, "parts": found})
    print(f"written  {config.out}")
    return 0 if all(seen["outcome"] == "passed" for seen in found) else 1


def outcome(part: Part, device: str, missing: str | None, limit_seconds: float) -> Facts:
    """Run a part in a process of its own, and return its facts, or why there are none."""
    if missing and (part.needs == "card" or (part.needs == "device" and device == "cuda")):
        return {"outcome": "refused", "reason": missing}
    if limit_seconds < 1:
        return {"outcome": "refused", "reason": f"{ALL_SECONDS:g} s are over"}
    options = ("--parts", part.name, "--device", device, "--inside")
    child = subprocess.Popen(
        [sys.executable, "-m", "tools.first_card", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, errors = child.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.communicate()
        return {"outcome": "failed", "reason": f"not done after {limit_seconds:.0f} s"}
    lines = printed.splitlines()
    if child.returncode != 0 or not lines:
        return {"outcome": "failed", "reason": (errors or printed).strip()[-2000:]}
    return {"outcome": "passed", "facts": json.loads(lines[-1])}


def inside(part: Part, device: str) -> int:
    """Run a part here and print its facts as a line of JSON."""
    try:
        print(json.dumps(part.look(device)))
    except Unexpected as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def shown(seen: Facts) -> str:
    """Return one line of what was seen."""
    text = seen.get("reason") or json.dumps(seen["facts"])
    line = " ".join(str(text).split())
    return line if len(line) < 160 else line[:157] + "..."


if __name__ == "__main__":
    sys.exit(main())
