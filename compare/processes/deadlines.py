"""How long a worker may take for one command."""

from __future__ import annotations

from compare.protocol import messages
from compare.protocol.task_messages import SetUpTask

# Commands that may compile at first: a first step on a card whose code is not in the framework's binary, or
# of torch.compile or XLA, can take minutes where a later one takes milliseconds.
COMPILING = (
    messages.Train,
    messages.Step,
    messages.Logits,
    messages.Activations,
    messages.Gradients,
    messages.Evaluate,
    messages.TimeBatchSize,
)
FIRST_USE = (messages.Probe, messages.SetUp, SetUpTask)  # the same, for a card
FIRST_FACTOR = 3

# What poll() takes, in milliseconds, fits 32 bits: 24 days.
LARGEST_TIMEOUT_SECONDS = 604_800.0  # a week, so that FIRST_FACTOR times it still fits


class Deadlines:
    """Of one worker. `seconds_for` is asked once for each command, in order."""

    def __init__(self) -> None:
        self.seen: set[type] = set()

    def seconds_for(self, message: object, timeout_seconds: float) -> float:
        """`timeout_seconds`, or FIRST_FACTOR times that for the first command of a kind that may compile."""
        kind = type(message)
        compiles = kind in COMPILING or (isinstance(message, FIRST_USE) and message.device == "cuda")
        first = compiles and kind not in self.seen
        self.seen.add(kind)
        return FIRST_FACTOR * timeout_seconds if first else timeout_seconds
