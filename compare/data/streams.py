"""Defines seeded NumPy streams, one for each purpose, so that a draw from one does not shift another."""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["weights", "order", "dropout", "stress"]
STREAMS: dict[Stream, int] = {"weights": 0, "order": 1, "dropout": 2, "stress": 3}


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return an independent PCG64 generator for one seed and one purpose."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(STREAMS[stream],))
    return np.random.Generator(np.random.PCG64(sequence))
