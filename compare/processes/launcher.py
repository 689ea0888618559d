"""Starts workers, talks to them, and ends them. Each has its own process group; none is left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from compare.observation import observe
from compare.processes import starting
from compare.processes.deadlines import Deadlines
from compare.processes.endings import in_words
from compare.processes.interruption import raise_if_received
from compare.processes.killing import is_stopped, kill_by_environment, kill_tree
from compare.processes.logs import tail
from compare.processes.scratch import Scratch
from compare.processes.withheld import note
from compare.protocol import messages
from compare.protocol.channel import Channel, ChannelClosed, ChannelTimeout, MalformedMessage
from compare.reasons import last_line
from compare.worker import bootstrap

R = TypeVar("R")

LOG_NAME = "worker.log"  # in the worker's own directory, which is removed with it
NO_PROC = " (this system has no /proc, in which TensorFlow looks itself up: mount it)"
OLD_PYTHON = "Unknown option: -P"  # printed by an interpreter that is too old for -P


def lacks_proc() -> bool:
    """Return whether this Linux, perhaps a sandbox or chroot, has no /proc."""
    return sys.platform == "linux" and not Path("/proc/self/exe").exists()


class WorkerError(Exception):
    """An error of a worker, in one line. The line ends with the path of the log, if there is one."""

    def __init__(self, reason: str, log: Path | None = None) -> None:
        super().__init__(f"{reason}; log: {log}" if log else reason)

    def beside(self, directory: Path) -> str:
        """Return the line without the path of `directory`: the results in it are for sharing."""
        return str(self).replace(f"{directory}{os.sep}", "")


class WorkerFailed(WorkerError):
    """A worker died, hung, or sent an invalid answer.

    gone: whether its process had ended, or was stopped, before the parent ended it.
    """

    def __init__(self, reason: str, log: Path | None = None, *, gone: bool = False) -> None:
        super().__init__(reason, log)
        self.gone = gone


class WorkerNotStarted(WorkerFailed):
    """The system refused something that a worker needs. `interpreter`: the program named by an option."""

    def __init__(self, reason: str, *, interpreter: bool = False) -> None:
        super().__init__(reason)
        self.interpreter = interpreter


class WorkerRefused(WorkerError):
    """A worker is alive but cannot do what the request asks. `kind` as in `messages.Refused`."""

    def __init__(self, kind: str, reason: str, log: Path | None = None) -> None:
        super().__init__(reason, log)
        self.kind = kind


def worker_command(python: str, framework: str) -> list[str]:
    """Return the command that starts a worker of `framework`; the caller appends two descriptors.

    With -E and -P, no PYTHON* variable and no working directory can put another package first.
    """
    return [python, "-E", "-P", bootstrap.__file__, framework]


class Worker:
    """One child process and the channel to it. Use as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_path: Path | None,
        name: str,
        option: str | None = None,
    ) -> None:
        """Start the process. Raises WorkerNotStarted.

        log_path: None for a log that is removed with the worker. option: the option that names the program.
        """
        self.name, self.named_log, self.closed = name, log_path, False
        self.program = f"the program of {option}" if option else command[0]
        self.deadlines = Deadlines()
        with ExitStack() as undo, ExitStack() as childs:
            # its own directory for temporary files: none is left, and compilers start without a cache
            with self.needs("a directory for temporary files"):
                self.scratch = Scratch()
            undo.callback(self.scratch.cleanup)
            self.log_path = log_path or Path(self.scratch.name) / LOG_NAME
            with self.needs("a pipe"):
                child_read, parent_write = os.pipe()
                childs.callback(os.close, child_read)
                undo.callback(os.close, parent_write)
                parent_read, child_write = os.pipe()
                childs.callback(os.close, child_write)
                undo.callback(os.close, parent_read)
            with self.needs(f"a log, {self.log_path}"):
                log = childs.enter_context(self.log_path.open("ab"))
                self.log_start = log.tell()  # an earlier attempt may have written to it
            with self.needs("a process"):
                self.process = starting.start(
                    [*command, str(child_read), str(child_write)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(child_read, child_write),
                    env=dict(environment) | {"TMPDIR": self.scratch.name},
                )
            undo.callback(self.process.wait)
            undo.callback(kill_tree, self.process)
            # optional: a sandbox may refuse it, and macOS has none
            self.exit_fd = observe(lambda: os.pidfd_open(self.process.pid))
            self.channel = Channel(parent_read, parent_write, messages.Reply, exit_fd=self.exit_fd)
            undo.pop_all()

    @contextlib.contextmanager
    def needs(self, what: str) -> Iterator[None]:
        """Turn a refusal of the system within the block into WorkerNotStarted, which names what is needed."""
        try:
            yield
        except starting.UnusableProgram as error:
            why = f"{self.program} cannot be run: {error}. Name a Python interpreter"
            raise WorkerNotStarted(f"{self.name}: {why}", interpreter=True) from error
        except OSError as error:
            place = f" ({error.filename})" if error.filename and str(error.filename) not in what else ""
            why = f"it needs {what}{place}, and the system says: {starting.refusal(error)}"
            raise WorkerNotStarted(f"{self.name} cannot be started: {why}") from error

    def request(self, message: Any, expected: type[R], timeout_seconds: float) -> R:
        """Send one request and return its reply.

        timeout_seconds: for sending it, and again for the reply; longer the first time if it may compile
        (`deadlines`). Raises WorkerRefused if the worker cannot do it. Raises WorkerFailed if the worker is
        dead or silent, or its reply is invalid; then its process has ended.
        """
        raise_if_received()
        seconds = self.deadlines.seconds_for(message, timeout_seconds)
        try:
            self.channel.send(message, seconds)
            reply = self.channel.receive(seconds)
        except ChannelClosed:
            raise self.failed(f"{self.name} {self.ending()}", gone=True) from None
        except ChannelTimeout:
            stopped = ": it is stopped (SIGSTOP, or a debugger)" if is_stopped(self.process.pid) else ""
            why = f"gave no answer to {type(message).__name__} in {seconds:g} s{stopped}"
            raise self.failed(f"{self.name} {why}", gone=bool(stopped)) from None
        except MalformedMessage as error:
            raise self.failed(f"{self.name} sent bytes that are not a message: {error}") from None
        if isinstance(reply, messages.Refused):
            reason = reply.reason + note(reply.reason, reply.missing, os.environ)
            raise WorkerRefused(reply.kind, reason, self.named_log if reply.logged else None)
        if not isinstance(reply, expected):
            raise self.failed(f"{self.name} answered {type(message).__name__} with {type(reply).__name__}")
        return reply

    def failed(self, what: str, *, gone: bool = False) -> WorkerFailed:
        """End the process, and return the error that says why, with the log's last line."""
        self.close(grace_seconds=0)
        last = last_line(self.last_words)
        ends = f"; last line: {last}" if last and last not in what else ""
        return WorkerFailed(f"{what}{ends}", self.named_log, gone=gone)

    def stop(self) -> None:
        """Stop the process and its children, so that they do nothing until `awake`."""
        if not self.closed:
            self.send(signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let the process and its children run in the block, and stop them after it."""
        self.send(signal.SIGCONT)
        try:
            yield
        finally:
            self.stop()

    def send(self, number: int) -> None:
        """Send a signal to the group, or to the process alone if the system refused it a group."""
        if self.process.returncode is None:
            for send in (os.killpg, os.kill):
                with contextlib.suppress(OSError):
                    send(self.process.pid, number)
                    return

    def kill(self) -> None:
        """End the process at once, so that no thread waits for its answer any longer. `close` cleans up."""
        if self.process.returncode is None:  # Popen.kill would reap it before `ending` reads how it ended
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def ending(self) -> str:
        """Return how the process ended, in words."""
        code = self._await_exit(5)
        if code is None:
            return "closed its end of the pipe but still runs"
        log = tail(self.log_path, self.log_start)
        if code == bootstrap.LACKING:
            lacking = last_line(log)
            missing = [name for name in bootstrap.NEEDS if name in lacking]
            return f"cannot start: {lacking}{note('', missing, os.environ)}"
        if code and OLD_PYTHON in log:
            return "cannot start: its interpreter is older than Python 3.11. Name a newer one"
        return in_words(code) + (NO_PROC if code == -signal.SIGABRT and lacks_proc() else "")

    def close(self, grace_seconds: float = 5) -> None:
        """End the process and all processes that it started. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.send(signal.SIGCONT)  # it may be stopped
        self.channel.close()  # the worker reads the end of its input and exits
        self._await_exit(grace_seconds)
        kill_tree(self.process)
        self.process.wait()
        kill_by_environment("TMPDIR", self.scratch.name)
        if self.exit_fd is not None:
            os.close(self.exit_fd)
        self.last_words = tail(self.log_path, self.log_start)
        self.scratch.cleanup()

    def _await_exit(self, grace_seconds: float) -> int | None:
        """Return the exit status, negative for a signal, or None if the process still runs after the wait.

        On Linux it is not reaped yet: as long as the zombie exists, the system gives its group's number to no
        other group.
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
