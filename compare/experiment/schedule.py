"""In which order interleaved launches train, block by block."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """Every launch trains on `steps` batches, in `order` (indices of launches)."""

    steps: int
    order: tuple[int, ...]


def rounds(launches: int, steps: int, *, warmup_steps: int, block_steps: int, seed: int) -> list[Round]:
    """Return a warm-up round, then rounds of `block_steps` and a last one of what is left.

    The order turns round each time (A B, B A, A B, ...: A B B A), so that a drift of the machine that is even
    over two rounds falls on all alike; odd seeds start the other way round.
    """
    forward = tuple(range(launches))
    sizes = [min(warmup_steps, steps)] if warmup_steps else []
    left = steps - sum(sizes)
    sizes += [block_steps] * (left // block_steps)
    if left % block_steps:
        sizes.append(left % block_steps)
    return [
        Round(size, forward if (seed + number) % 2 == 0 else forward[::-1])
        for number, size in enumerate(sizes)
    ]
