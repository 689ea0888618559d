"""Trains a worker's model from an input pipeline of its framework, in the shared order. Times both."""

from __future__ import annotations

import importlib
import itertools
import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from compare.data.batches import epoch_crossing
from compare.data.streams import generator
from compare.protocol import messages
from compare.worker.contract import InputsModule
from compare.worker.session import Session


class Feed:
    """A started pipeline, and its remaining batches."""

    def __init__(self, session: Session, request: messages.TrainFromInputs) -> None:
        module: InputsModule = importlib.import_module(f"{session.request.framework}_impl.inputs")
        self.session, self.left = session, request.steps
        order = shared_order(session, request.steps)
        dataset = session.dataset
        arguments = (dataset.train_images, dataset.train_labels, order, session.host_dtype)
        self.start = partial(module.PIPELINES[request.pipeline], *arguments)
        self.batches: Iterator[Any] | None = None

    def train(self, steps: int) -> messages.TrainedFromInputs:
        """Time each step from the end of the previous step to the loss on the host, as a user's loop runs."""
        losses: list[float] = []
        ends: list[float] = []
        first_batch_seconds = None
        cpu_start = cpu_seconds()
        start = time.perf_counter()
        starting = self.batches is None
        if self.batches is None:
            self.batches = self.start()
        for batch in itertools.islice(self.batches, steps):
            if starting and first_batch_seconds is None:
                first_batch_seconds = time.perf_counter() - start
            loss, _ = self.session.trainer.step(*batch)
            losses.append(float(loss))
            ends.append(time.perf_counter())
        used = cpu_seconds() - cpu_start
        self.left -= steps
        return messages.TrainedFromInputs(
            losses=losses,
            step_seconds=np.diff([start, *ends]).tolist(),
            first_batch_seconds=first_batch_seconds,
            alone_seconds=[] if self.left > 0 else self.alone_seconds(),
            cpu_seconds=used,
        )

    def alone_seconds(self) -> list[float]:
        """Time the pipeline alone, over as many batches, without training on them."""
        alone = [time.perf_counter()]
        alone += [time.perf_counter() for _ in self.start()]
        seconds: list[float] = np.diff(alone).tolist()
        return seconds


def train_from_inputs(session: Session, request: messages.TrainFromInputs) -> messages.TrainedFromInputs:
    if session.feed is None:
        session.feed = Feed(session, request)
    feed: Feed = session.feed
    return feed.train(request.block)


def shared_order(session: Session, steps: int) -> np.ndarray:
    """Return the indices [steps, N] of the batches that the step runs of this seed train on."""
    dataset, size = session.dataset, session.spec.training.batch_size
    stream = epoch_crossing(len(dataset.train_labels), size, generator(session.request.seed, "order"))
    return np.stack(list(itertools.islice(stream, steps)))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process (all threads) and of the children that it has waited for."""
    return sum(os.times()[:4])
