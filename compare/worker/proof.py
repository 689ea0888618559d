"""Answers the parity ladder's requests to a session: single updates, and passes over the parent's batches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import safetensors.numpy

from compare.data.batches import Batch
from compare.protocol import messages
from compare.worker.contract import Inspectable, Trainer, WithMoments
from compare.worker.rank import rows
from compare.worker.session import Session, arrays


def given_batch(content: bytes | None) -> Batch | None:
    """Return the batch that the parent sent as safetensors bytes; None if it sent none."""
    if content is None:
        return None
    found = safetensors.numpy.load(content)
    return Batch(found["images"], found["labels"], found.get("dropout_mask"))


def step(session: Session, request: messages.Step) -> messages.Arrays:
    """Make one update by the call that a run times, or in phases. Return no arrays if it has no phases."""
    given = given_batch(request.batch)
    if given is None:
        session.steps_done += 1
    batch = session.next_rows() if given is None else rows(given, session.request.place)
    if request.in_phases:
        return arrays(state(session.trainer) if made_in_phases(session.trainer, batch) else {})
    loss, logits, _ = session.timed_step(batch)
    returned = {"logits": session.trainer.to_numpy(logits)}
    return arrays(returned | state(session.trainer), loss)


def made_in_phases(trainer: Trainer, batch: Batch) -> bool:
    """Make one update in phases; False if the trainer has none, so that nothing was updated."""
    return isinstance(trainer, Inspectable) and bool(list(trainer.phases(*batch)))


def state(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return `parameters/NAME`; also `first_moments/NAME` and `second_moments/NAME` if there are moments."""
    found = prefixed("parameters", trainer.parameters())
    if isinstance(trainer, WithMoments):
        first, second = trainer.moments()
        found |= prefixed("first_moments", first) | prefixed("second_moments", second)
    return found


def prefixed(group: str, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{group}/{name}": array for name, array in named.items()}


def logits(session: Session, request: messages.Logits) -> messages.Arrays:
    """Return the logits of the parent's images, as an evaluation computes them."""
    return arrays({"logits": session.trainer.logits(safetensors.numpy.load(request.images)["images"])})
