"""What the parity ladder asks of a session besides training: single updates, and batches that it is given."""

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
    """Return the parent's batch, from its safetensors bytes, if it sent one."""
    if content is None:
        return None
    found = safetensors.numpy.load(content)
    return Batch(found["images"], found["labels"], found.get("dropout_mask"))


def step(session: Session, request: messages.Step) -> messages.Arrays:
    """Make one update, through the call that a run times; nothing if it is to be divided and cannot be."""
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
    """`parameters/NAME`, and `first_moments/NAME` and `second_moments/NAME` if the trainer tells them."""
    found = prefixed("parameters", trainer.parameters())
    if isinstance(trainer, WithMoments):
        first, second = trainer.moments()
        found |= prefixed("first_moments", first) | prefixed("second_moments", second)
    return found


def prefixed(group: str, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{group}/{name}": array for name, array in named.items()}


def logits(session: Session, request: messages.Logits) -> messages.Arrays:
    """Return logits as an evaluation computes them, of the parent's images."""
    return arrays({"logits": session.trainer.logits(safetensors.numpy.load(request.images)["images"])})
