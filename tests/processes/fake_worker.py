"""A worker that misbehaves as its first argument says; speaks the real protocol."""

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from compare.protocol import messages
from compare.protocol.channel import Channel


def main() -> None:
    """Answer requests, and misbehave at the first as the mode says."""
    mode, read_fd, write_fd = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    channel = Channel(read_fd, write_fd, messages.Request)
    print(f"fake worker, mode {mode}", file=sys.stderr, flush=True)
    if mode == "exits-before-reading":
        sys.exit(3)
    if mode == "deaf":
        time.sleep(600)
    request = channel.receive()
    misbehave(mode, channel, write_fd)
    while True:
        channel.send(messages.Probed(None, {"echo": type(request).__name__}))
        request = channel.receive()


def misbehave(mode: str, channel: Channel, write_fd: int) -> None:  # noqa: C901, PLR0915  (a list of cases)
    """Do what the mode says, mostly without coming back."""
    if mode.startswith("signal-"):
        os.kill(os.getpid(), getattr(signal, mode.removeprefix("signal-")))
    elif mode.startswith("exit-"):
        print("the framework says goodbye", flush=True)
        os._exit(int(mode.removeprefix("exit-")))
    elif mode == "refuses":
        channel.send(messages.Refused("error", "connection closed by peer"))
    elif mode == "refuses-import":
        channel.send(messages.Refused("import", "torch is not installed"))
    elif mode == "dies-later":
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "hangs":
        time.sleep(600)
    elif mode == "hangs-ignoring-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    elif mode == "half-a-message":
        os.write(write_fd, struct.pack("!Q", 100) + b"only this")
        time.sleep(600)
    elif mode == "half-a-message-then-dies":
        os.write(write_fd, struct.pack("!Q", 100) + b"only this")
        os._exit(1)
    elif mode == "not-a-message":
        os.write(write_fd, b"Hello, world! This is not the protocol.")
        time.sleep(600)
    elif mode == "garbage-frame":
        os.write(write_fd, struct.pack("!Q", 7) + b"\xc1garbage"[:7])
        time.sleep(600)
    elif mode == "unknown-message":
        body = msgspec.msgpack.encode({"type": "Surprise"})
        os.write(write_fd, struct.pack("!Q", len(body)) + body)
        time.sleep(600)
    elif mode == "wrong-reply":
        channel.send(messages.Arrays(b""))
        time.sleep(600)
    elif mode.startswith("says-no"):
        channel.send(messages.Refused("error", "no", logged=mode.endswith("traceback")))
        time.sleep(600)
    elif mode == "floods":
        for stream in (sys.stdout, sys.stderr):
            stream.write("flood\n" * 2_000_000)
    elif mode == "leaves-a-child":
        leave_child()
        os._exit(0)
    elif mode == "leaves-a-daemon":
        leave_child(start_new_session=True)
        os._exit(0)
    elif mode == "leaves-a-child-holding-the-pipe":
        if os.fork() == 0:
            time.sleep(600)
        os._exit(1)
    elif mode == "leaves-a-temporary-file":
        (Path(tempfile.gettempdir()) / "left-behind").touch()
    elif mode == "has-a-child":
        leave_child()


def leave_child(*, start_new_session: bool = False) -> None:
    """Start a process that outlives this one."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(command, start_new_session=start_new_session)
    print(f"child {child.pid}", flush=True)


if __name__ == "__main__":
    main()
