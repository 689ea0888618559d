"""A group of ranks that train one network together, asked and answered as one worker.

Both frameworks' engines block until every rank has joined, and in each step until every rank has come. So a
request goes to all ranks at once, and the end, stop or silence of any rank ends the group, with its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
import safetensors.numpy

from compare.data.shards import rows_of
from compare.processes.launcher import Worker, WorkerFailed, WorkerRefused
from compare.protocol import messages

R = TypeVar("R")
OTHERS_SECONDS = 1.0  # to wait for the others after the first rank failed: the cause may be one of them


class Group:
    """Ranks 0 to N - 1, one worker each, behind the methods of `Worker`. Use as a context manager.

    rendezvous: for each rank, in order, where it meets the others; what `SetUp.place` carries.
    """

    def __init__(self, name: str, workers: Sequence[Worker], rendezvous: Sequence[messages.Place]) -> None:
        self.workers, self.rendezvous = workers, rendezvous
        self.name = name
        self.batch_size = 0  # of all ranks together; this and the next are known when the group is set up
        self.loss_is_mean = True
        self.ready: list[messages.Ready] = []  # by rank

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        """Name the group in errors, and each rank after it."""
        self._name = name
        for rank, worker in enumerate(self.workers):
            worker.name = f"{name} rank {rank}"

    @property
    def log_path(self) -> Path:
        return self.workers[0].log_path

    @property
    def closed(self) -> bool:
        return any(worker.closed for worker in self.workers)

    def request(self, message: Any, expected: type[R], timeout_seconds: float) -> R:
        """Send one request to every rank, and return their replies as one.

        Evaluation asks rank 0 alone: parameters are equal on all. Each `SetUp` may name another batch size.
        Raises as `Worker.request`, naming the rank
        that is the cause; after WorkerFailed every process of the group is gone.
        """
        if isinstance(message, messages.Evaluate | messages.Logits):
            return self.workers[0].request(message, expected, timeout_seconds)
        if isinstance(message, messages.SetUp):
            self.batch_size = message.spec["training"]["batch_size"]
            self.loss_is_mean = message.spec["loss_reduction"] == "mean"
        replies = self._ask(message, expected, timeout_seconds)
        if isinstance(message, messages.SetUp):
            self.ready = replies  # type: ignore[assignment]
        combine: Callable[[Group, Sequence[Any]], Any] = COMBINED[type(message)]
        combined: R = combine(self, replies)
        return combined

    def _ask(self, message: Any, expected: type[R], timeout_seconds: float) -> list[R]:
        with ThreadPoolExecutor(len(self.workers)) as pool:
            try:
                asked = [
                    pool.submit(worker.request, self._for_rank(message, rank), expected, timeout_seconds)
                    for rank, worker in enumerate(self.workers)
                ]
                wait(asked, return_when=FIRST_EXCEPTION)
                if any(one.done() and one.exception() for one in asked):
                    wait(asked, timeout=OTHERS_SECONDS)
                    raise self._cause(asked)
            except BaseException:
                self.kill()  # the threads would wait out their answers
                raise
        return [one.result() for one in asked]

    def _for_rank(self, message: Any, rank: int) -> Any:
        if isinstance(message, messages.SetUp):
            return msgspec.structs.replace(message, place=self.rendezvous[rank])
        return message

    def _cause(self, asked: Sequence[Future[Any]]) -> Exception:
        """Return the failure that the others follow from: one that ended, or is stopped, before a complaint.

        A refusal that all ranks share, such as a missing framework, stays one.
        """
        failures = {rank: one.exception() for rank, one in enumerate(asked) if one.done() and one.exception()}
        rank, cause = min(failures.items(), key=lambda item: severity(item[1]))
        self.close(grace_seconds=0)
        if isinstance(cause, WorkerRefused):
            return cause if cause.kind != "error" else WorkerRefused("error", f"rank {rank}: {cause}")
        return WorkerFailed(str(cause))

    def failed(self, what: str) -> WorkerFailed:
        """End the group and build the error that says why."""
        self.close(grace_seconds=0)
        return WorkerFailed(f"{what}; log: {self.log_path}")

    def kill(self) -> None:
        for worker in self.workers:
            worker.kill()

    def close(self, grace_seconds: float = 5) -> None:
        """End every rank and all that it started. Safe to call twice."""
        if grace_seconds == 0:
            self.kill()  # at once: one that waits for another would be waited for
        for worker in self.workers:
            worker.close(grace_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(grace_seconds=5 if kind is None else 0)

    def rows(self) -> list[int]:
        """Return how many rows of a batch each rank trains on."""
        slices = (rows_of(rank, len(self.workers), self.batch_size) for rank in range(len(self.workers)))
        return [one.stop - one.start for one in slices]

    def loss(self, losses: Sequence[float]) -> float:
        """Return the loss of the whole batch from the ranks' losses: every row has the same weight."""
        shares = [rows / self.batch_size for rows in self.rows()]
        return weighted(shares, losses) if self.loss_is_mean else math.fsum(losses)

    def equal(self, what: str, values: Sequence[Any]) -> Any:
        """Return the value that every rank has. Raises WorkerFailed, naming a rank that has another."""
        for rank, value in enumerate(values):
            if value != values[0]:
                raise self.failed(f"{self.name}: rank {rank} has other {what} than rank 0")
        return values[0]


def severity(failure: BaseException | None) -> int:
    """Return 0 if the process ended, 1 if it is silent or sends malformed replies, 2 if it refuses."""
    if isinstance(failure, WorkerFailed):
        return 0 if failure.gone else 1
    return 2


def ready(group: Group, replies: Sequence[messages.Ready]) -> messages.Ready:
    group.equal("initial weights", [one.initial_weights_sha256 for one in replies])
    group.equal("data", [one.data_sha256 for one in replies])
    return msgspec.structs.replace(
        replies[0],
        import_seconds=max(one.import_seconds for one in replies),
        build_seconds=max(one.build_seconds for one in replies),
    )


def trained(group: Group, replies: Sequence[messages.Trained]) -> messages.Trained:
    """Combine the ranks' blocks: every row has the same weight, and the slowest rank ends a step."""
    diverged = [one.diverged_at_step for one in replies if one.diverged_at_step is not None]
    steps = range(min(len(one.losses) for one in replies))
    cpu_steps = range(min(len(one.step_cpu_seconds) for one in replies))
    shares = [rows / group.batch_size for rows in group.rows()]
    return messages.Trained(
        losses=[group.loss([one.losses[step] for one in replies]) for step in steps],
        accuracies=[weighted(shares, [one.accuracies[step] for one in replies]) for step in steps],
        step_seconds=[max(one.step_seconds[step] for one in replies) for step in steps],
        batches_sha256=group.equal("batches", [one.batches_sha256 for one in replies]),
        shards_sha256=[sha for one in replies for sha in one.shards_sha256],
        cpu_seconds=math.fsum(one.cpu_seconds for one in replies),
        step_cpu_seconds=[math.fsum(one.step_cpu_seconds[step] for one in replies) for step in cpu_steps],
        rss_bytes=total([one.rss_bytes for one in replies]),
        peak_rss_bytes=total([one.peak_rss_bytes for one in replies]),
        peak_device_bytes=None,
        diverged_at_step=min(diverged, default=None),
    )


def total(numbers: Sequence[int | None]) -> int | None:
    """Return the sum over all ranks; None if one rank has no value."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def weighted(shares: Sequence[float], values: Sequence[float]) -> float:
    return math.fsum(share * value for share, value in zip(shares, values, strict=True))


def equal_arrays(group: Group, replies: Sequence[messages.Arrays]) -> messages.Arrays:
    """Return parameters or exchanged gradients, which must be equal bit for bit on every rank."""
    group.equal("parameters or gradients", [one.safetensors for one in replies])
    return replies[0]


def updated(group: Group, replies: Sequence[messages.Arrays]) -> messages.Arrays:
    """Return the loss and logits of the whole batch, and the state after the step, equal on every rank."""
    parts = [safetensors.numpy.load(one.safetensors) for one in replies]
    logits = [part.pop("logits") for part in parts if "logits" in part]
    group.equal("parameters or moments after a step", [safetensors.numpy.save(part) for part in parts])
    returned = {"logits": np.concatenate(logits)} if logits else {}
    losses = [one.loss for one in replies if one.loss is not None]
    return messages.Arrays(
        safetensors.numpy.save(parts[0] | returned), group.loss(losses) if losses else None
    )


def joined_arrays(_: Group, replies: Sequence[messages.Arrays]) -> messages.Arrays:
    """Return the activations of the whole batch: the ranks' rows, concatenated in order."""
    parts = [safetensors.numpy.load(one.safetensors) for one in replies]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return messages.Arrays(safetensors.numpy.save(whole))


def same(group: Group, replies: Sequence[Any]) -> Any:
    return group.equal("batches", replies)


COMBINED: dict[type, Callable[[Group, Sequence[Any]], Any]] = {
    messages.SetUp: ready,
    messages.Train: trained,
    messages.Step: updated,
    messages.State: equal_arrays,
    messages.Parameters: equal_arrays,
    messages.Gradients: equal_arrays,
    messages.Activations: joined_arrays,
    messages.BatchDigests: same,
}
