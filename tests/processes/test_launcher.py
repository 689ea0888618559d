"""Every way a worker can end is told in one line, and nothing is left running."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from compare.processes.killing import kill_tree
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages

FAKE = Path(__file__).parent / "fake_worker.py"
ROOT = Path(__file__).parents[2]
PROBE = messages.Probe("tf", "cpu")
Start = Callable[[str], Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a fake worker in a mode; check at the end that its whole group is gone."""
    started: list[Worker] = []

    def start(mode: str) -> Worker:
        worker = Worker(
            [sys.executable, str(FAKE), mode],
            environment=os.environ | {"PYTHONPATH": str(ROOT)},
            log_path=tmp_path / "worker.log",
            name="tf:fake",
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close(grace_seconds=0)
        assert group_has_gone(worker.process.pid)


def group_members(group: int) -> list[psutil.Process]:
    """Return the processes of a group that still live."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return members


def test_a_worker_answers_and_ends_when_its_input_does(start: Start) -> None:
    """Requests get replies in order; closing is enough to end it."""
    worker = start("good")
    for _ in range(3):
        assert worker.request(PROBE, messages.Probed, 20).versions == {"echo": "Probe"}
    worker.close()
    assert worker.process.returncode is not None


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("signal-SIGKILL", "was killed by SIGKILL"),
        ("signal-SIGSEGV", "was killed by SIGSEGV"),
        ("signal-SIGABRT", "was killed by SIGABRT"),
        ("signal-SIGTERM", "was killed by SIGTERM"),
        ("exit-0", "exited with status 0"),
        ("exit-1", "exited with status 1"),
        ("exit-77", "exited with status 77"),
        ("exits-before-reading", "exited with status 3"),
        ("half-a-message-then-dies", "exited with status 1"),
        ("leaves-a-child", "exited with status 0"),
        ("leaves-a-child-holding-the-pipe", "exited with status 1"),
        ("not-a-message", "sent bytes that are not a message"),
        ("garbage-frame", "sent bytes that are not a message"),
        ("unknown-message", "sent bytes that are not a message"),
        ("wrong-reply", "answered Probe with Arrays"),
    ],
)
def test_a_worker_that_ends_badly_is_described_in_one_line(start: Start, mode: str, said: str) -> None:
    """The line names the worker, what happened (signals by name) and the log."""
    with pytest.raises(WorkerFailed) as caught:
        start(mode).request(PROBE, messages.Probed, 30)
    message = str(caught.value)
    assert message.startswith("tf:fake ")
    assert said in message
    assert message.endswith("worker.log")
    assert "\n" not in message


@pytest.mark.parametrize("mode", ["hangs", "hangs-ignoring-sigterm", "half-a-message", "deaf"])
def test_a_silent_worker_is_ended_at_the_time_out(start: Start, mode: str) -> None:
    """Silence, or half a message, ends with the time-out and the command it was for."""
    worker = start(mode)
    with pytest.raises(WorkerFailed, match=r"tf:fake gave no answer to Probe in 2 s"):
        worker.request(PROBE, messages.Probed, 2)
    assert not psutil.pid_exists(worker.process.pid)


def test_a_worker_that_reads_nothing_cannot_block_the_parent(start: Start) -> None:
    """A request larger than the pipe's buffer times out too."""
    request = messages.SetUp("tf", "m" * 5_000_000, "T", {}, "cpu", "float32", 0, "w", None, 1)
    with pytest.raises(WorkerFailed, match="gave no answer to SetUp in 2 s"):
        start("deaf").request(request, messages.Ready, 2)


def test_the_last_line_of_the_log_is_part_of_the_error(start: Start) -> None:
    """What the framework printed last is often the reason."""
    with pytest.raises(WorkerFailed, match="last line: the framework says goodbye"):
        start("exit-1").request(PROBE, messages.Probed, 20)


def test_a_flood_on_stdout_and_stderr_goes_to_the_log(start: Start, tmp_path: Path) -> None:
    """Twelve megabytes on each stream neither block the worker nor reach the protocol."""
    worker = start("floods")
    assert worker.request(PROBE, messages.Probed, 60).unavailable is None
    worker.close()
    assert (tmp_path / "worker.log").stat().st_size > 24_000_000


@pytest.mark.parametrize("mode", ["has-a-child", "leaves-a-child"])
def test_a_workers_own_children_end_with_it(start: Start, tmp_path: Path, mode: str) -> None:
    """Ending a worker ends its process group."""
    worker = start(mode)
    if mode == "has-a-child":
        worker.request(PROBE, messages.Probed, 20)
    else:
        with pytest.raises(WorkerFailed):
            worker.request(PROBE, messages.Probed, 20)
    worker.close()
    found = re.search(r"child (\d+)", (tmp_path / "worker.log").read_text())
    assert found
    assert gone(int(found[1]))


def group_has_gone(group: int) -> bool:
    """Whether every process of a group ends within ten seconds."""
    return soon(lambda: not group_members(group))


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    return soon(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def soon(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within ten seconds: a killed process takes a moment to go."""
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_an_error_inside_the_block_ends_the_worker(start: Start) -> None:
    """Used as a context manager, the worker ends whatever happens, Ctrl-C included."""
    with pytest.raises(KeyboardInterrupt), start("hangs") as worker:
        raise KeyboardInterrupt
    assert not psutil.pid_exists(worker.process.pid)


def test_no_temporary_file_is_left(start: Start) -> None:
    """What a framework leaves in the directory for temporary files goes with its worker."""
    worker = start("leaves-a-temporary-file")
    worker.request(PROBE, messages.Probed, 20)
    left = Path(worker.scratch.name) / "left-behind"
    assert left.exists()
    worker.close()
    assert not left.parent.exists()


def test_no_descriptor_is_left_open(start: Start) -> None:
    """Starting and ending workers costs no file descriptor."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for mode in ("good", "exit-1"):
        worker = start(mode)
        with contextlib.suppress(WorkerFailed, WorkerRefused):
            worker.request(PROBE, messages.Probed, 20)
        worker.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_killing_a_tree_that_is_gone_is_no_error() -> None:
    """The process may end by itself in between."""
    process = subprocess.Popen(["true"])
    process.wait()
    kill_tree(process)


def test_a_daemon_of_a_worker_ends_with_it(start: Start, tmp_path: Path) -> None:
    """One that left its parent and its process group is known by the directory it was given."""
    worker = start("leaves-a-daemon")
    with pytest.raises(WorkerFailed):
        worker.request(PROBE, messages.Probed, 20)
    found = re.search(r"child (\d+)", (tmp_path / "worker.log").read_text())
    assert found
    assert gone(int(found[1]))


def test_a_first_step_may_compile(start: Start) -> None:
    """It has three times as long as any other command."""
    with pytest.raises(WorkerFailed, match=r"gave no answer to Train in 1\.5 s"):
        start("hangs").request(messages.Train(1), messages.Trained, 0.5)


def test_a_stopped_worker_is_told_from_one_that_hangs(start: Start) -> None:
    """Another remedy helps."""
    with pytest.raises(WorkerFailed, match=r"in 1 s: it is stopped \(SIGSTOP, or a debugger\)"):
        start("signal-SIGSTOP").request(PROBE, messages.Probed, 1)


def all_stopped(worker: Worker, *, expected: bool) -> bool:
    """Return whether all processes of the worker's group are stopped, which is seen a moment late."""
    for _ in range(500):
        states = {member.status() for member in group_members(worker.process.pid)}
        if (states == {psutil.STATUS_STOPPED}) == expected:
            break
        time.sleep(0.01)
    return states == {psutil.STATUS_STOPPED}


def test_a_worker_that_waits_for_its_turn_is_stopped_with_its_children(start: Start) -> None:
    """In its turn it answers. Closing wakes it, so that it ends by itself."""
    worker = start("good")
    for _ in range(2):
        with worker.awake():
            assert not all_stopped(worker, expected=False)
            worker.request(PROBE, messages.Probed, 20)
        assert all_stopped(worker, expected=True)
    worker.close(grace_seconds=20)
    assert worker.process.returncode >= 0  # no signal


def test_a_worker_without_a_group_of_its_own_is_stopped_too(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox may refuse new sessions: then there is no group to send a signal to."""
    worker = start("good")

    def refused(*_: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", refused)
    worker.stop()
    assert all_stopped(worker, expected=True)
    with worker.awake():
        assert worker.request(PROBE, messages.Probed, 20).versions == {"echo": "Probe"}
    assert all_stopped(worker, expected=True)


def test_a_failure_in_its_turn_leaves_no_stopped_worker(start: Start) -> None:
    """The worker was ended by the failure, and nothing is sent to a group that is gone."""
    worker = start("dies-later")
    with worker.awake(), contextlib.suppress(WorkerFailed):
        for _ in range(5):
            worker.request(PROBE, messages.Probed, 20)
    assert worker.closed


def test_an_earlier_attempts_log_tells_nothing_of_this_one(start: Start, tmp_path: Path) -> None:
    """A resumed run appends to the logs of the one that was cut off."""
    (tmp_path / "worker.log").write_text("the last words of another process\n")
    with pytest.raises(WorkerFailed) as caught:
        start("exit-1").request(PROBE, messages.Probed, 20)
    assert "last line: the framework says goodbye" in str(caught.value)
    quiet = Worker(["false"], environment={}, log_path=tmp_path / "worker.log", name="tf:fake")
    with pytest.raises(WorkerFailed, match="exited with status 1; log"):
        quiet.request(PROBE, messages.Probed, 20)


def test_a_log_that_goes_with_its_worker_is_not_named() -> None:
    """Its last line is part of the error all the same."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    worker = Worker([sys.executable, str(FAKE), "exit-1"], environment=environment, log_path=None, name="tf")
    with pytest.raises(WorkerFailed) as caught:
        worker.request(PROBE, messages.Probed, 20)
    assert str(caught.value) == "tf exited with status 1; last line: the framework says goodbye"
    assert not worker.log_path.exists()


def test_a_refusal_names_the_log_if_it_says_more(start: Start, tmp_path: Path) -> None:
    """And leaves the path that leads to it out of what is for sharing."""
    with pytest.raises(WorkerRefused) as caught:
        start("says-no-with-a-traceback").request(PROBE, messages.Probed, 20)
    assert str(caught.value) == f"no; log: {tmp_path / 'worker.log'}"
    assert caught.value.beside(tmp_path) == "no; log: worker.log"
    with pytest.raises(WorkerRefused) as caught:
        start("says-no").request(PROBE, messages.Probed, 20)
    assert str(caught.value) == "no"
