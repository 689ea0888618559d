"""Messages over pipes arrive whole, or say what went wrong."""

import contextlib
import os
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.protocol import messages
from compare.protocol.channel import Channel, ChannelClosed, ChannelTimeout, MalformedMessage


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    """Yield a parent's and a worker's end."""
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    ends = Channel(up_read, down_write, messages.Reply), Channel(down_read, up_write, messages.Request)
    yield ends
    for end in ends:
        end.close()


def test_a_message_larger_than_the_pipe_arrives_whole(pair: tuple[Channel, Channel]) -> None:
    """Ten megabytes pass through a pipe that holds 64 kilobytes."""
    parent, worker = pair
    sent = messages.Arrays(os.urandom(10_000_000), 1.5)
    thread = threading.Thread(target=worker.send, args=(sent,))
    thread.start()
    assert parent.receive(30) == sent
    thread.join()


@given(st.floats(allow_nan=False), st.text())
def test_values_survive(loss: float, reason: str) -> None:
    """Floats keep every bit, text every character."""
    read, write = os.pipe()
    channel = Channel(read, write, messages.Reply)
    try:
        for sent in (messages.Arrays(b"", loss), messages.Refused("error", reason)):
            channel.send(sent)
            assert channel.receive(5) == sent
    finally:
        channel.close()


def test_silence_times_out(pair: tuple[Channel, Channel]) -> None:
    """Nothing comes: ChannelTimeout."""
    with pytest.raises(ChannelTimeout):
        pair[0].receive(0.05)


def test_a_closed_end_is_told_apart_from_silence(pair: tuple[Channel, Channel]) -> None:
    """The other end is gone: ChannelClosed, at once."""
    pair[1].close()
    with pytest.raises(ChannelClosed):
        pair[0].receive(30)
    with pytest.raises(ChannelClosed):
        pair[0].send(messages.Evaluate(1))


def test_an_absurd_size_is_refused_before_it_is_read(pair: tuple[Channel, Channel]) -> None:
    """Eight bytes of text read as a length of exabytes; no memory is taken for it."""
    os.write(pair[1].write_fd, b"Hello, w")
    with pytest.raises(MalformedMessage, match="bytes is announced"):
        pair[0].receive(5)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(body: bytes) -> None:
    """No body makes the parent fail in another way."""
    read, write = os.pipe()
    channel = Channel(read, write, messages.Reply)
    try:
        os.write(write, struct.pack("!Q", len(body)) + body)
        with contextlib.suppress(MalformedMessage):
            channel.receive(5)
    finally:
        channel.close()
