"""Signals that end a run, through every `finally`, even where a library swallows the exception.

An exception that a signal raises appears wherever Python happens to be. Extension modules that are being
imported, for one, drop what is raised in them. So the signal is also noted, and raised again before the next
request to a worker, and at the end.
"""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(BaseException):
    """SIGTERM or SIGHUP: ends the run like Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_received: list[int] = []


def listen() -> None:
    """From now on; what this process was started to ignore, as under nohup, it still ignores."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, note_and_raise)


def note_and_raise(number: int, _: FrameType | None) -> None:
    _received.append(number)
    raise_if_received()


def raise_if_received() -> None:
    """KeyboardInterrupt for SIGINT, Terminated for the others; nothing where no signal has come."""
    if not _received:
        return
    if _received[0] == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(_received[0])
