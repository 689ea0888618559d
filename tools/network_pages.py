"""Makes the figures of docs/any_network.md from the results of network_mistakes and correct_pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from compare.numbers import format_percent
from compare.rendering.markdown import table
from tools.correct_pairs import RESULT as CORRECT
from tools.correct_pairs import Climbed, CorrectPairs
from tools.network_mistakes import RESULT as MISTAKES
from tools.network_mistakes import Mistakes, Tried

SHOWN = {
    "own_norm": "MobileNetV2 with torchvision's own BatchNorm",
    "even_size": "MobileNetV2 at an even size",
    "extra_biases": "ResNet50's biases",
    "strides": "ResNet50's strides",
}
HINTS = 3  # for each mistake on the page


def sections() -> dict[str, str]:
    """Return the marked sections of the page, by name."""
    tried = read(MISTAKES, Mistakes).tried
    by_name = {one.name: one for one in tried}
    found = {f"network_{key}": words(by_name[name]) for key, name in SHOWN.items()}
    return found | {
        "network_mistakes": mistakes(tried),
        "correct_pairs": correct(read(CORRECT, CorrectPairs)),
    }


T = TypeVar("T")


def read(path: Path, kind: type[T]) -> T:
    """Return a committed result."""
    return msgspec.json.decode(path.read_bytes(), type=kind)


def words(one: Tried) -> str:
    """Return the ladder's message about a mistake, as a block."""
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


def correct(result: CorrectPairs) -> str:
    """Return a row for each network and dtype: its climbs, and how near to its tolerance it came."""
    groups: dict[tuple[str, str], list[Climbed]] = {}
    for one in result.climbs:
        groups.setdefault((one.network, one.dtype), []).append(one)
    rows = []
    for (network, dtype), climbs in groups.items():
        share, rung = max((share, rung) for one in climbs for rung, share in one.worst.items())
        seconds = max(one.seconds for one in climbs)
        passed = f"{sum(one.passed for one in climbs)} of {len(climbs)}"
        rows.append(
            [network, dtype, passed, f"{format_percent(share, 0)}, at rung {rung}", f"{seconds:.0f} s"]
        )
    all_passed = sum(one.passed for one in result.climbs)
    head = f"{all_passed} of {len(result.climbs)} climbs pass ({result.environment.cpu}):"
    columns = ["network", "dtype", "climbs that pass", "nearest to its tolerance", "slowest climb"]
    return f"{head}\n\n{table(columns, rows)}"
