"""The figures of docs/any_network.md, from the committed results of network_mistakes and correct_pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from compare.rendering.markdown import table
from tools.correct_pairs import RESULT as PAIRS
from tools.correct_pairs import Climbed
from tools.network_mistakes import RESULT as MISTAKES
from tools.network_mistakes import Tried

SHOWN = {
    "own norm": "MobileNetV2 with torchvision's own BatchNorm",
    "even size": "MobileNetV2 at an even size",
    "extra biases": "ResNet50's biases",
    "strides": "ResNet50's strides",
}
HINTS = 3  # of each mistake that the page shows


def sections() -> dict[str, str]:
    """Return the marked sections of the page, by name."""
    tried = read(MISTAKES, list[Tried])
    by_name = {one.name: one for one in tried}
    found = {f"network {key}": words(by_name[name]) for key, name in SHOWN.items()}
    return found | {"network mistakes": mistakes(tried), "network pairs": pairs(read(PAIRS, list[Climbed]))}


T = TypeVar("T")


def read(path: Path, kind: type[T]) -> T:
    """Return a committed result."""
    return msgspec.json.decode(path.read_bytes(), type=kind)


def words(one: Tried) -> str:
    """Return what the ladder says of a mistake, as a block."""
    lines = [f"fails at rung {one.found_rung} · {one.reason}", *(f"  {hint}" for hint in one.hints[:HINTS])]
    return "\n".join(["```", *lines, "```"])


def mistakes(tried: list[Tried]) -> str:
    """Return a row for each mistake: where it was caught."""
    hidden = sum(one.hidden for one in tried)
    caught = sum(one.caught for one in tried)
    rows = [
        [one.name, one.network, one.found_rung, one.found_tensor, "equal" if one.hidden else "differ"]
        for one in tried
    ]
    head = f"{caught} of {len(tried)} are caught at their rung and tensor; {hidden} leave all outputs equal."
    return f"{head}\n\n{table(['mistake', 'network', 'rung', 'first in', 'outputs'], rows)}"


def pairs(climbed: list[Climbed]) -> str:
    """Return a row for each correct pair: climbs that passed, and the longest."""
    rows = []
    for network, dtype in dict.fromkeys((one.network, one.dtype) for one in climbed):
        own = [one for one in climbed if (one.network, one.dtype) == (network, dtype)]
        nearest = max(share for one in own for share in one.worst.values())
        passed = sum(one.passed for one in own)
        longest = max(one.seconds for one in own)
        rows.append([network, dtype, f"{passed} of {len(own)}", f"{nearest:.2g}", f"{longest:.0f} s"])
    return table(["pair", "dtype", "climbs that pass", "largest share of a limit", "longest climb"], rows)
