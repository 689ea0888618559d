"""`python -m tools.first_card`: tries everything that needs a card, in ten minutes, on a card with torch.

Each part runs in its own process, with its own time limit, and reports what it found. Without a card, the
parts that need no card run, and the others are refused, with the reason. `--device cpu` is a rehearsal: it
runs the same parts on the CPU, except those that need a card. TensorFlow is not used. Exit status 1 unless
all parts pass.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compare.command_line import parse
from compare.config import RunConfig
from compare.experiment.devices import probe
from compare.records import machine
from compare.records.files import write_json
from tests.commands import ROOT
from tools.card_parts import PARTS, Facts, Part, Unexpected

ALL_SECONDS = 570.0
REHEARSAL_FACTOR = 6  # how much longer a CPU may take
NO_CARD = "no card was asked for"


@dataclass(frozen=True)
class FirstCardConfig:
    """Try everything that needs a card, and write the findings."""

    device: Literal["cuda", "cpu"] = "cuda"
    """cpu: rehearse without a card"""
    parts: tuple[str, ...] = ()
    """which parts; default: all"""
    out: Path = ROOT / "runs" / "first_card.json"
    """the file to write"""
    inside: bool = False
    """run one part in this process, and print its facts: this command starts itself so for each part"""


def main() -> int:
    """Try every part, and write the findings. Return the exit status."""
    config = parse(FirstCardConfig, sys.argv[1:], program="tools.first_card")
    names = [part.name for part in PARTS]
    for name in config.parts:
        if name not in names:
            print(
                f"error: --parts: {name!r} is not a part. Use some of: {', '.join(names)}.", file=sys.stderr
            )
            return 2
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
    """Run a part in its own process. Return its facts, or why there are none."""
    if missing and (part.needs == "card" or (part.needs == "device" and device == "cuda")):
        return {"outcome": "refused", "reason": missing}
    if limit_seconds < 1:
        return {"outcome": "refused", "reason": "the time for all parts is over"}
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
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return {"outcome": "failed", "reason": f"not done after {limit_seconds:.0f} s"}
    lines = printed.splitlines()
    if child.returncode != 0 or not lines:
        return {"outcome": "failed", "reason": (errors or printed).strip()[-2000:]}
    return {"outcome": "passed", "facts": json.loads(lines[-1])}


def inside(part: Part, device: str) -> int:
    """Run a part in this process, and print its facts as a line of JSON."""
    try:
        print(json.dumps(part.look(device)))
    except Unexpected as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def shown(seen: Facts) -> str:
    """Return the findings in one line."""
    text = seen.get("reason") or json.dumps(seen["facts"])
    line = " ".join(str(text).split())
    return line if len(line) < 160 else line[:157] + "..."


if __name__ == "__main__":
    sys.exit(main())
