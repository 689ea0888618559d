"""Rung 3b: each side's own initial weights, as distributions."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from compare.protocol import task_messages as messages
from compare.records.task import TaskRung
from compare.task.evidence import Climber

SEEDS = 2


def initialisers(climber: Climber) -> TaskRung:
    """Each side's own initial weights, as distributions. A warning, never a failure."""
    left, right = climber.both(lambda side: side.ask(messages.TaskInitial(SEEDS)))
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for tensor, own in left.items():
        pair, other = climber.pair(tensor.path), right.get(tensor)
        if pair is None or other is None or climber.accepted(tensor.path, tensor.name):
            continue
        count = SEEDS * math.prod(pair[0].tensors[tensor.name])
        if unlike(own, other, count):
            groups[(pair[0].kind, tensor.name)].append((spread(own), spread(other)))
    notes = [
        f"{name} of {len(found)} {kind}: tf starts with a spread of {found[0][0]:.3g}, "
        f"torch of {found[0][1]:.3g}"
        for (kind, name), found in groups.items()
    ]
    return TaskRung("3b", "initialisers", "pass", compared=len(left), notes=notes)


def spread(rows: np.ndarray) -> float:
    """Root mean square over the seeds; for a constant its value."""
    return float(np.sqrt(np.mean(rows[:, 1] ** 2 + rows[:, 0] ** 2)))


def unlike(own: np.ndarray, other: np.ndarray, count: int) -> bool:
    """Six standard errors of the logarithm of a standard deviation, and 2 % more."""
    one, two = spread(own), spread(other)
    if min(one, two) == 0 or count == 0:
        return one != two
    return abs(math.log(one / two)) > 6 / math.sqrt(2 * count) + 0.02
