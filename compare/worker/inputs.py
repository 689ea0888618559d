"""Trains a worker's model from an input pipeline of its framework, in the shared order. Times both."""

from __future__ import annotations

import importlib
import itertools
import os
import time

import numpy as np

from compare.data.batches import epoch_crossing
from compare.data.streams import generator
from compare.protocol import messages
from compare.worker.contract import InputsModule
from compare.worker.session import Session


def train_from_inputs(session: Session, request: messages.TrainFromInputs) -> messages.TrainedFromInputs:
    """Time each step from the end of the previous step to the loss on the host, as a user's loop runs.

    Then time the pipeline alone, over as many batches, without training on them.
    """
    module: InputsModule = importlib.import_module(f"{session.request.framework}_impl.inputs")
    pipeline, order = module.PIPELINES[request.pipeline], shared_order(session, request.steps)
    arguments = (session.dataset.train_images, session.dataset.train_labels, order, session.host_dtype)
    losses, ends = [], []
    cpu_start = cpu_seconds()
    start = time.perf_counter()
    first_batch_seconds = None
    for batch in pipeline(*arguments):
        if first_batch_seconds is None:
            first_batch_seconds = time.perf_counter() - start
        loss, _ = session.trainer.step(*batch)
        losses.append(float(loss))
        ends.append(time.perf_counter())
    used = cpu_seconds() - cpu_start
    alone = [time.perf_counter()]
    alone += [time.perf_counter() for _ in pipeline(*arguments)]
    return messages.TrainedFromInputs(
        losses=losses,
        step_seconds=np.diff([start, *ends]).tolist(),
        first_batch_seconds=first_batch_seconds or 0.0,
        alone_seconds=np.diff(alone).tolist(),
        cpu_seconds=used,
    )


def shared_order(session: Session, steps: int) -> np.ndarray:
    """Return the indices [steps, N] of the batches that the step runs of this seed train on."""
    dataset, size = session.dataset, session.spec.training.batch_size
    stream = epoch_crossing(len(dataset.train_labels), size, generator(session.request.seed, "order"))
    return np.stack(list(itertools.islice(stream, steps)))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process (all threads) and of the children that it has waited for."""
    return sum(os.times()[:4])
