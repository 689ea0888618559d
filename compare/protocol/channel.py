"""Sends and receives length-prefixed msgpack frames over a pair of pipes, with deadlines."""

from __future__ import annotations

import os
import select
import struct
import time
from typing import Any

import msgspec

HEADER = struct.Struct("!Q")
LARGEST_FRAME_BYTES = 1 << 30  # anything larger is no message of this protocol
READ_BYTES = 1 << 20


class ChannelClosed(Exception):
    """The other end closed, perhaps in the middle of a message."""


class ChannelTimeout(Exception):
    """The other end did not send a whole message in time."""


class MalformedMessage(Exception):
    """The received bytes are not a message of this protocol."""


class Channel:
    """Receives messages of one union type, and sends any Struct. Owns both file descriptors.

    exit_fd: a pidfd of the process at the other end, if the system has pidfds. A pipe alone does not show
    that the process died if one of its children still holds the writing end.
    """

    def __init__(self, read_fd: int, write_fd: int, incoming: Any, *, exit_fd: int | None = None) -> None:
        self.read_fd, self.write_fd, self.exit_fd = read_fd, write_fd, exit_fd
        self.decoder = msgspec.msgpack.Decoder(incoming)
        self.encoder = msgspec.msgpack.Encoder()

    def send(self, message: msgspec.Struct, timeout_seconds: float | None = None) -> None:
        """Send a message. Raises ChannelClosed if the reader is gone, ChannelTimeout if it is too slow."""
        body = self.encoder.encode(message)
        pending = memoryview(HEADER.pack(len(body)) + body)
        deadline = deadline_after(timeout_seconds)
        os.set_blocking(self.write_fd, False)
        while pending:
            wait(deadline, (self.write_fd, select.POLLOUT), self.exit_fd)
            try:
                pending = pending[os.write(self.write_fd, pending) :]
            except BlockingIOError:
                continue
            except (BrokenPipeError, OSError) as error:
                raise ChannelClosed(str(error)) from error

    def receive(self, timeout_seconds: float | None = None) -> Any:
        """Return the next message. Raises ChannelClosed, ChannelTimeout or MalformedMessage."""
        deadline = deadline_after(timeout_seconds)
        (size,) = HEADER.unpack(self._read(HEADER.size, deadline))
        if size > LARGEST_FRAME_BYTES:
            raise MalformedMessage(
                f"a frame of {size} bytes is announced; the limit is {LARGEST_FRAME_BYTES} bytes"
            )
        try:
            return self.decoder.decode(self._read(size, deadline))
        except msgspec.DecodeError as error:
            raise MalformedMessage(str(error)) from error

    def _read(self, size: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            wait(deadline, (self.read_fd, select.POLLIN), self.exit_fd)
            part = os.read(self.read_fd, min(size - len(parts), READ_BYTES))
            if not part:
                raise ChannelClosed(f"closed after {len(parts)} of {size} bytes")
            parts += part
        return bytes(parts)

    def close(self) -> None:
        for name in ("read_fd", "write_fd"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


def deadline_after(timeout_seconds: float | None) -> float | None:
    return None if timeout_seconds is None else time.monotonic() + timeout_seconds


def wait(deadline: float | None, awaited: tuple[int, int], exit_fd: int | None) -> None:
    """Block until the descriptor is ready for the event.

    Raises ChannelTimeout at the deadline, ChannelClosed if the other end exited and left nothing to read.
    """
    poll = select.poll()  # select() fails on descriptors above 1023
    poll.register(*awaited)
    if exit_fd is not None:
        poll.register(exit_fd, select.POLLIN)
    remaining_ms = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    ready = {fd for fd, _ in poll.poll(remaining_ms)}
    if not ready:
        raise ChannelTimeout
    if awaited[0] not in ready:
        raise ChannelClosed("the process has exited")
