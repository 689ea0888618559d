"""Decides how long a worker may take for one command."""

from __future__ import annotations

from compare.protocol import messages
from compare.protocol.task_messages import SetUpTask

# Commands that may compile the first time. A first step can take minutes and a later step milliseconds: with
# torch.compile or XLA, or on a card for which the framework's binary has no code.
COMPILING = (
    messages.Train,
    messages.Step,
    messages.Logits,
    messages.Activations,
    messages.Gradients,
    messages.Evaluate,
    messages.TimeBatchSize,
)
FIRST_USE = (messages.Probe, messages.SetUp, SetUpTask)  # the first commands that use a card
FIRST_FACTOR = 3

# poll() takes milliseconds in 32 bits, which is at most 24 days.
LARGEST_TIMEOUT_SECONDS = 604_800.0  # a week, so that FIRST_FACTOR times it still fits


class Deadlines:
    """The time limits of one worker. Call `seconds_for` once for each command, in order."""

    def __init__(self) -> None:
        self.seen: set[type] = set()

    def seconds_for(self, message: object, timeout_seconds: float) -> float:
        """Return `timeout_seconds`, or FIRST_FACTOR times it for the first command that may compile."""
        kind = type(message)
        compiles = kind in COMPILING or (isinstance(message, FIRST_USE) and message.device == "cuda")
        first = compiles and kind not in self.seen
        self.seen.add(kind)
        return FIRST_FACTOR * timeout_seconds if first else timeout_seconds
