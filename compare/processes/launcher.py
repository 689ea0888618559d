"""Starts workers, talks to them, and ends them: one process group each, none left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil

from compare.processes.deadlines import Deadlines
from compare.processes.endings import in_words
from compare.processes.interruption import raise_if_received
from compare.processes.scratch import Scratch
from compare.protocol import messages
from compare.protocol.channel import Channel, ChannelClosed, ChannelTimeout, MalformedMessage
from compare.worker import bootstrap

R = TypeVar("R")

OLD_PYTHON = "Unknown option: -P"  # what an interpreter says that does not know it yet


class WorkerFailed(Exception):
    """A worker died, hung, or answered nonsense; the message is one line that ends with the log's path.

    gone: whether its process had ended, or was stopped, before anyone ended it.
    """

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


class WorkerRefused(Exception):
    """A worker lives and says no. `kind` as in `messages.Refused`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def worker_command(python: str, framework: str) -> list[str]:
    """How a worker of `framework` is started; two descriptors are appended.

    -E and -P: no PYTHON* variable and no working directory can put another package in front.
    """
    return [python, "-E", "-P", bootstrap.__file__, framework]


class Worker:
    """One child process and the channel to it. Use as a context manager."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], log_path: Path, name: str
    ) -> None:
        self.name, self.log_path, self.closed = name, log_path, False
        self.deadlines = Deadlines()
        try:
            self._start(command, environment)
        except OSError as error:  # the program, its log, a pipe, the scratch directory: any may be refused
            place = f": {error.filename}" if error.filename not in (None, command[0]) else ""
            raise WorkerFailed(f"{name}: {command[0]} cannot be started: {error.strerror}{place}") from error

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with ExitStack() as undo, ExitStack() as childs:
            # a place of its own for temporary files: none is left, and compilers start without a cache
            self.scratch = Scratch()
            undo.callback(self.scratch.cleanup)
            child_read, parent_write = os.pipe()
            childs.callback(os.close, child_read)
            undo.callback(os.close, parent_write)
            parent_read, child_write = os.pipe()
            childs.callback(os.close, child_write)
            undo.callback(os.close, parent_read)
            log = childs.enter_context(self.log_path.open("ab"))
            self.process = subprocess.Popen(
                [*command, str(child_read), str(child_write)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(child_read, child_write),
                start_new_session=True,  # a group of its own, which can be ended as a whole
                env=dict(environment) | {"TMPDIR": self.scratch.name},
            )
            undo.callback(self.process.wait)
            undo.callback(kill_tree, self.process.pid)
            self.exit_fd = os.pidfd_open(self.process.pid) if hasattr(os, "pidfd_open") else None
            self.channel = Channel(parent_read, parent_write, messages.Reply, exit_fd=self.exit_fd)
            undo.pop_all()

    def request(self, message: Any, expected: type[R], timeout_seconds: float) -> R:
        """Send one request and return its reply.

        timeout_seconds: to send it, and again for the reply; more the first time that it may compile
        (`deadlines`). Raises WorkerRefused when the worker says no, WorkerFailed when it is dead, silent or
        malformed; after WorkerFailed the process is gone.
        """
        raise_if_received()
        seconds = self.deadlines.seconds_for(message, timeout_seconds)
        try:
            self.channel.send(message, seconds)
            reply = self.channel.receive(seconds)
        except ChannelClosed:
            raise self.failed(f"{self.name} {self.ending()}", gone=True) from None
        except ChannelTimeout:
            stopped = if_stopped(self.process.pid)
            why = f"gave no answer to {type(message).__name__} in {seconds:g} s{stopped}"
            raise self.failed(f"{self.name} {why}", gone=bool(stopped)) from None
        except MalformedMessage as error:
            raise self.failed(f"{self.name} sent bytes that are not a message: {error}") from None
        if isinstance(reply, messages.Refused):
            raise WorkerRefused(reply.kind, reply.reason)
        if not isinstance(reply, expected):
            raise self.failed(f"{self.name} answered {type(message).__name__} with {type(reply).__name__}")
        return reply

    def failed(self, what: str, *, gone: bool = False) -> WorkerFailed:
        """End the process and build the error that says why, with the log's last line."""
        self.close(grace_seconds=0)
        last = last_line(self.log_path)
        line = f"{what}{f'; last line: {last}' if last else ''}; log: {self.log_path}"
        return WorkerFailed(line, gone=gone)

    def kill(self) -> None:
        """End the process at once; a thread that waits for its answer is told. `close` cleans up."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._await_exit(5)
        if code is None:
            return "closed its end of the pipe but still runs"
        if code and OLD_PYTHON in tail(self.log_path):
            return "cannot start: its interpreter is older than Python 3.11. Name a newer one"
        return in_words(code)

    def close(self, grace_seconds: float = 5) -> None:
        """End the process and all that it started. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.channel.close()  # the worker reads the end of its input and exits
        self._await_exit(grace_seconds)
        kill_tree(self.process.pid)
        self.process.wait()
        kill_by_environment("TMPDIR", self.scratch.name)
        if self.exit_fd is not None:
            os.close(self.exit_fd)
        self.scratch.cleanup()

    def _await_exit(self, grace_seconds: float) -> int | None:
        """Return the exit status, negative for a signal, or None if the process outlives the grace.

        On Linux it is not reaped yet: the zombie keeps the group's number from being given to another group
        before this one is killed.
        """
        if self.exit_fd is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(grace_seconds)
            return None
        poll = select.poll()
        poll.register(self.exit_fd, select.POLLIN)
        if not poll.poll(grace_seconds * 1000):
            return None
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(grace_seconds=5 if kind is None else 0)


def if_stopped(pid: int) -> str:
    """Say if something stopped the process: it is silent like one that hangs, and needs another remedy."""
    with contextlib.suppress(psutil.Error):
        if psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
            return ": it is stopped (SIGSTOP, or a debugger)"
    return ""


def kill_tree(pid: int) -> None:
    """SIGKILL to a process group and to descendants that left it."""
    strays: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        strays = psutil.Process(pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for stray in strays:
        with contextlib.suppress(psutil.Error):
            stray.kill()


def kill_by_environment(name: str, value: str) -> None:
    """SIGKILL to every process that inherited this variable: a daemon has left both group and parent."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(name) == value:
                process.kill()


def tail(path: Path, size_bytes: int = 65536) -> str:
    """Return the end of a log; a flood is not read whole."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - size_bytes))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_line(path: Path) -> str:
    """Return the last line of a log that is not blank, at most 300 characters, all of them printable."""
    lines = [line.strip() for line in tail(path).splitlines() if line.strip()]
    printable = "".join(c if c.isprintable() else " " for c in lines[-1]) if lines else ""
    return printable[:300]
