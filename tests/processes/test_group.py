"""A group of ranks answers as one worker, and the end of any rank ends it, by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import psutil
import pytest
import safetensors.numpy

from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages

FAKE = Path(__file__).parent / "fake_worker.py"
ROOT = Path(__file__).parents[2]
Start = Callable[..., Group]
Reply = TypeVar("Reply", bound=msgspec.Struct)
TRAINED = messages.Trained(
    losses=[1.0, 0.5],
    accuracies=[0.25, 0.5],
    step_seconds=[0.1, 0.2],
    batches_sha256="all",
    shards_sha256=["mine"],
    cpu_seconds=1.0,
    rss_bytes=100,
    peak_rss_bytes=200,
    peak_device_bytes=None,
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a group whose ranks misbehave as the modes say; none is left at the end."""
    started: list[Group] = []

    def start(*modes: str) -> Group:
        workers = [
            Worker(
                [sys.executable, str(FAKE), mode],
                environment=os.environ | {"PYTHONPATH": str(ROOT)},
                log_path=tmp_path / f"rank{rank}.log",
                name=f"torch:fake rank {rank}",
            )
            for rank, mode in enumerate(modes)
        ]
        places = [messages.Place(rank, len(modes), "nowhere") for rank in range(len(modes))]
        started.append(Group("torch:fake", workers, places))
        return started[-1]

    yield start
    for group in started:
        group.close(grace_seconds=0)
        assert not any(psutil.pid_exists(worker.process.pid) for worker in group.workers)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_death_of_any_rank_ends_the_group_and_is_named(start: Start, rank: int) -> None:
    """The others, who wait for it, would wait for ever."""
    modes = ["hangs"] * 3
    modes[rank] = "signal-SIGKILL"
    group = start(*modes)
    with pytest.raises(WorkerFailed, match=f"torch:fake rank {rank} was killed by SIGKILL"):
        group.request(messages.Parameters(), messages.Arrays, 60)
    assert group.closed
    assert all(worker.process.returncode is not None for worker in group.workers)


def test_a_rank_that_died_is_the_cause_of_another_ranks_complaint(start: Start) -> None:
    """A complaint that comes first, of a connection that was lost, does not hide the death behind it."""
    group = start("refuses", "dies-later")
    with pytest.raises(WorkerFailed, match="rank 1 was killed by SIGKILL"):
        group.request(messages.Parameters(), messages.Arrays, 60)


def test_silence_is_named(start: Start) -> None:
    """No rank answers in time: the group ends, with a rank's name."""
    with pytest.raises(WorkerFailed, match=r"rank \d gave no answer to Parameters"):
        start("hangs", "hangs").request(messages.Parameters(), messages.Arrays, 0.3)


def test_what_every_rank_refuses_is_a_refusal(start: Start) -> None:
    """Such as a missing framework: the workers live and say no."""
    with pytest.raises(WorkerRefused) as refused:
        start("refuses-import", "refuses-import").request(messages.Parameters(), messages.Arrays, 20)
    assert refused.value.kind == "import"


def combined(start: Start, message: msgspec.Struct, *replies: Reply) -> Reply:
    """Return what a group makes of these replies to a message."""
    group = start(*["good"] * len(replies))
    group.batch_size = 8
    for worker, reply in zip(group.workers, replies, strict=True):
        vars(worker)["request"] = partial(answer, reply)
    return group.request(message, type(replies[0]), 1)


def answer(reply: Reply, *_: object) -> Reply:
    """Return the reply that a rank is given."""
    return reply


def test_a_step_takes_as_long_as_its_slowest_rank(start: Start) -> None:
    """Losses and accuracies are those of the whole batch: 3, 3 and 2 of its 8 rows weigh as much."""
    other = msgspec.structs.replace(
        TRAINED, losses=[2.0, 1.0], accuracies=[0.5, 0.0], step_seconds=[0.3, 0.1], shards_sha256=["other"]
    )
    found = combined(start, messages.Train(2), TRAINED, TRAINED, other)
    rows = np.array([2, 3, 3])
    np.testing.assert_allclose(found.losses, [rows @ [1, 1, 2] / 8, rows @ [0.5, 0.5, 1] / 8])
    np.testing.assert_allclose(found.accuracies, [rows @ [0.25, 0.25, 0.5] / 8, rows @ [0.5, 0.5, 0] / 8])
    assert found.step_seconds == [0.3, 0.2]
    assert found.shards_sha256 == ["mine", "mine", "other"]
    assert (found.cpu_seconds, found.rss_bytes, found.peak_rss_bytes) == (3.0, 300, 600)


def test_a_rank_with_other_batches_ends_the_group(start: Start) -> None:
    """Ranks that do not train on parts of the same batch compute nothing that has a name."""
    other = msgspec.structs.replace(TRAINED, batches_sha256="others")
    with pytest.raises(WorkerFailed, match="rank 1 has other batches than rank 0"):
        combined(start, messages.Train(2), TRAINED, other)


def test_parameters_must_be_equal_bit_for_bit(start: Start) -> None:
    """One unit in the last place on one rank is enough."""
    ones = {"conv1/bias": np.ones(3)}
    moved = {"conv1/bias": np.nextafter(np.ones(3), 2)}
    alike = messages.Arrays(safetensors.numpy.save(ones))
    assert combined(start, messages.Parameters(), alike, alike) == alike
    with pytest.raises(WorkerFailed, match="rank 1 has other parameters"):
        combined(start, messages.Parameters(), alike, messages.Arrays(safetensors.numpy.save(moved)))


def test_activations_are_joined_in_the_order_of_the_ranks(start: Start) -> None:
    """Each rank has those of its own rows."""
    parts = [messages.Arrays(safetensors.numpy.save({"flat": np.full((2, 3), float(n))})) for n in (1, 2)]
    found = safetensors.numpy.load(combined(start, messages.Activations(), *parts).safetensors)
    np.testing.assert_array_equal(found["flat"][:, 0], [1, 1, 2, 2])


def stepped(rank: int, *, moved: float = 0.0) -> messages.Arrays:
    """Return what a rank of a batch of 8 answers to a step: 4 rows' logits, and its state."""
    state = {"parameters/conv1/bias": np.ones(3) + moved, "first_moments/conv1/bias": np.zeros(3)}
    logits = {"logits": np.full((4, 10), float(rank))}
    return messages.Arrays(safetensors.numpy.save(logits | state), loss=1.0 + rank)


def test_a_step_of_a_group_is_one_step_of_the_whole_batch(start: Start) -> None:
    """The ladder asks for it: one loss, the logits of all rows, and the state, equal on every rank."""
    found = combined(start, messages.Step(), stepped(0), stepped(1))
    assert found.loss == 1.5
    arrays = safetensors.numpy.load(found.safetensors)
    np.testing.assert_array_equal(arrays["logits"][:, 0], [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(arrays["parameters/conv1/bias"], np.ones(3))
    with pytest.raises(WorkerFailed, match="rank 1 has other parameters or moments after a step"):
        combined(start, messages.Step(), stepped(0), stepped(1, moved=np.finfo(float).eps))


def test_an_error_is_about_whoever_is_on_the_group_now(start: Start) -> None:
    """Several variants climb the ladder in turn on one group."""
    group = start("hangs", "signal-SIGKILL")
    group.name = "torch:other x2"
    with pytest.raises(WorkerFailed, match="torch:other x2 rank 1 was killed"):
        group.request(messages.Parameters(), messages.Arrays, 60)
