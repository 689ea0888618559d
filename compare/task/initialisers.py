"""Compares the distributions of each side's own initial weights: rung 3b."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from compare.protocol import task_messages as messages
from compare.records.task import TaskRung
from compare.task.evidence import Climber

SEEDS = 2


def initialisers(climber: Climber) -> TaskRung:
    """Compare the distributions of each side's own initial weights. Warn if they differ, but never fail."""
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
    """Return the root mean square over the seeds; for a constant tensor, its value."""
    return float(np.sqrt(np.mean(rows[:, 1] ** 2 + rows[:, 0] ** 2)))


def unlike(own: np.ndarray, other: np.ndarray, count: int) -> bool:
    """Return whether two spreads differ by more than six standard errors of their logarithm and 2 %."""
    one, two = spread(own), spread(other)
    if min(one, two) == 0 or count == 0:
        return one != two
    return abs(math.log(one / two)) > 6 / math.sqrt(2 * count) + 0.02
