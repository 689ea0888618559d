"""How a process ended, in words; how long it may take."""

import signal

import pytest

from compare.processes.deadlines import FIRST_FACTOR, LARGEST_TIMEOUT_SECONDS, Deadlines
from compare.processes.endings import in_words
from compare.protocol import messages
from compare.worker import memory as host_memory


@pytest.mark.parametrize("number", range(1, 65))
def test_every_signal_has_words(number: int) -> None:
    """Those that Python has no name for, and those that the system has not, too."""
    said = in_words(-number)
    assert said.startswith("was killed by ")
    if number in {one.value for one in signal.Signals}:
        assert signal.Signals(number).name in said


def test_a_likely_cause_is_offered_as_a_possibility() -> None:
    """A kill from outside looks the same whoever sent it."""
    assert in_words(-9).startswith("was killed by SIGKILL (perhaps by the system, because memory ran out")
    assert in_words(3) == "exited with status 3"


def test_the_first_command_that_may_compile_has_longer() -> None:
    """Once for each kind of command; the rest has what was asked for."""
    deadlines = Deadlines()
    train, probe = messages.Train(10), messages.Probe("tf", "cpu")
    assert [deadlines.seconds_for(one, 10) for one in (probe, train, train, probe)] == [10, 30, 10, 10]
    assert deadlines.seconds_for(messages.Evaluate(1), 10) == 30


def test_the_first_use_of_a_card_has_longer_too() -> None:
    """Where the package has no code for it, the driver compiles each kernel."""
    deadlines = Deadlines()
    probe = messages.Probe("tf", "cuda")
    assert [deadlines.seconds_for(one, 10) for one in (probe, probe)] == [30, 10]


def test_the_longest_time_out_fits_the_system_call() -> None:
    """poll() takes milliseconds in 32 bits."""
    assert LARGEST_TIMEOUT_SECONDS * FIRST_FACTOR * 1000 < 2**31


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("OOM when allocating tensor with shape[9] on /device:CPU:0 by allocator cpu"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_every_way_in_which_memory_runs_out_is_told_as_that(error: Exception) -> None:
    """Python's, torch's, TensorFlow's and C++'s; with what to do."""
    kind, reason = host_memory.from_error(error) or ("", "")
    assert kind == "memory"
    assert "there is not enough memory" in reason
    assert "--batch-size" in reason


def test_another_error_is_not_taken_for_it() -> None:
    """A card's memory has words of its own."""
    assert host_memory.from_error(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")) is None
