"""Decides the order in which interleaved launches train, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

BLOCK_STEPS = 10  # short, so that a disturbance of a second slows both sides
BLOCK_SECONDS = 0.2  # for the fastest launch: on a card, ten steps end before the clocks have risen
LEAST_BLOCKS = 4  # A B B A, twice


@dataclass(frozen=True)
class Round:
    """A round, in which every launch trains on `steps` batches, in `order` (indices of launches)."""

    steps: int
    order: tuple[int, ...]


def rounds(
    launches: int, steps: int, *, warmup_steps: int, block_steps: Callable[[int], int], seed: int
) -> Iterator[Round]:
    """Yield one warm-up round, rounds of `block_steps` steps, and one round with the remaining steps.

    The order is reversed in each round (A B, B A, A B, ...), so that a steady drift of the machine over two
    rounds affects all launches equally. Odd seeds start with the reversed order.

    block_steps: called once, after the warm-up, with the number of steps that are left.
    """
    forward = tuple(range(launches))

    def round_of(size: int, number: int) -> Round:
        return Round(size, forward if (seed + number) % 2 == 0 else forward[::-1])

    warmup = min(warmup_steps, steps)
    if warmup:
        yield round_of(warmup, 0)
    left = steps - warmup
    size = block_steps(left) if left else 1
    for number, done in enumerate(range(0, left, size), start=int(warmup > 0)):
        yield round_of(min(size, left - done), number)


def steps_of_block(warmup_seconds: Sequence[Sequence[float]], steps: int) -> int:
    """Return how many steps a block takes: BLOCK_STEPS, or more if the fastest launch needs more.

    warmup_seconds: for each launch, its steps so far; the first ones may include compilation. steps: the
    number of steps that are left. They make at least LEAST_BLOCKS blocks.
    """
    known = [median(seconds[len(seconds) // 2 :]) for seconds in warmup_seconds if seconds]
    wanted = math.ceil(BLOCK_SECONDS / min(known)) if known else BLOCK_STEPS
    return max(BLOCK_STEPS, min(wanted, steps // LEAST_BLOCKS))
