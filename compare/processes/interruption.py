"""Ends a run on a signal, through every `finally`, even if a library swallows the exception.

An exception from a signal handler appears at any place in the code. Some places drop it, for example the
import of an extension module. So the signal is also noted, and raised again before the next request to a
worker and at the end.
"""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived: end the run as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_received: list[int] = []


def listen() -> None:
    """Handle the signals from now on, but not one that this process was started to ignore, as under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, note_and_raise)


def note_and_raise(number: int, _: FrameType | None) -> None:
    _received.append(number)
    raise_if_received()


def raise_if_received() -> None:
    """Raise KeyboardInterrupt after SIGINT, Terminated after another signal; do nothing if none has come."""
    if not _received:
        return
    if _received[0] == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(_received[0])
