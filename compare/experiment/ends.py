"""Judges the end of a launch by the oracle: its evaluation, and a few single updates after its last step.

The gate proves the first steps. This module proves that the code still behaves the same at the end: the
training has not stopped, its learning rate has not changed, and its evaluation uses its parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from compare.config import RunConfig
from compare.data.batches import Batch, batches, digest_of, update_digest
from compare.data.mnist import Dataset, scale
from compare.data.shards import shard
from compare.dtypes import host_dtype
from compare.ladder.differences import compare_arrays
from compare.ladder.oracle import Oracle
from compare.ladder.tolerances import CURVES, Tolerances
from compare.ladder.updates import ORACLE, Update, late_differences, update_of
from compare.processes.group import Group
from compare.processes.launcher import Worker
from compare.processes.replies import arrays_of
from compare.protocol import messages
from compare.records.parity import Difference

EVALUATED_IMAGES = 125
PLACES = 3  # consecutive seeds judge different updates,
PERIOD = 25  # so that together they find an error in every 25th step
UPDATES = -(-PERIOD // PLACES)
MOST_IMAGES = UPDATES * 128  # in a launch's judged updates: the oracle takes four times as long as a worker
WINDOW = 50  # steps of a curve whose mean losses are compared


@dataclass(frozen=True)
class End:
    """The checks at the end of every launch of one seed.

    digest: SHA-256 of the batches of all its steps. batches: those of the judged updates, which follow
    `skipped` updates that are not judged.
    """

    config: RunConfig
    dataset: Dataset
    digest: str
    skipped: int
    batches: list[Batch]

    def judge(
        self, worker: Worker | Group, variant: str, parameters: Mapping[str, np.ndarray], own: Tolerances
    ) -> tuple[int, str] | None:
        """Return the first step at which a launch is not as proved, and why; None if it is as proved.

        parameters: those at its end. own: its tolerances. This trains the worker for a few more steps.
        Raises WorkerRefused or WorkerFailed.
        """
        steps = self.config.steps
        evaluated = self.evaluation(worker, variant, parameters, own)
        if not evaluated.passed:
            return steps, in_words(evaluated)
        wrong = next((one for one in self.updates(worker, variant, own) if not one.passed), None)
        return None if wrong is None else (steps + self.skipped, in_words(wrong))

    def evaluation(
        self, worker: Worker | Group, variant: str, parameters: Mapping[str, np.ndarray], own: Tolerances
    ) -> Difference:
        """Compare the launch's logits of test images with the oracle's logits from the same parameters."""
        spec, allowed = self.config.spec(), own["late_logits"].value
        request = messages.Evaluate(EVALUATED_IMAGES, EVALUATED_IMAGES)
        reply = worker.request(request, messages.Arrays, self.config.timeout)
        images = scale(self.dataset.test_images[:EVALUATED_IMAGES], spec)
        expected = {"logits": Oracle(spec, parameters).logits(images)}
        return compare_arrays(variant, arrays_of(worker, reply.safetensors), ORACLE, expected, allowed)

    def updates(self, worker: Worker | Group, variant: str, own: Tolerances) -> list[Difference]:
        """Compare single updates after the last step with the oracle's updates."""
        spec, timeout = self.config.spec(), self.config.timeout
        if self.skipped:
            worker.request(messages.Train(self.skipped), messages.Trained, timeout)

        def ask(request: messages.Step | messages.State) -> Update:
            reply = worker.request(request, messages.Arrays, timeout)
            return update_of(arrays_of(worker, reply.safetensors), spec, reply.loss)

        steps_done = self.config.steps + self.skipped
        return late_differences(ask, self.batches, spec, own, label=variant, steps_done=steps_done)


def end_of(config: RunConfig, dataset: Dataset, seed: int) -> End:
    """Read the seed's batches to the end of the training and a little further. Return the seed's checks."""
    stream = batches(dataset, config.spec(), seed=seed, dtype=host_dtype(config.dtype))
    digest = digest_of(stream, config.steps)
    updates = max(1, min(UPDATES, config.steps // PERIOD, MOST_IMAGES // config.batch_size))
    skipped = updates * ((seed - config.first_seed) % PLACES)
    return End(config, dataset, digest, skipped, list(islice(stream, skipped, skipped + updates)))


def shard_digests(config: RunConfig, dataset: Dataset, seed: int, ranks: int) -> list[str]:
    """Return the digest of each rank's rows of the batches of all steps."""
    digests = [hashlib.sha256() for _ in range(ranks)]
    stream = batches(dataset, config.spec(), seed=seed, dtype=host_dtype(config.dtype))
    for batch in islice(stream, config.steps):
        for rank, digest in enumerate(digests):
            update_digest(digest, shard(batch, rank, ranks))
    return [digest.hexdigest() for digest in digests]


def in_words(wrong: Difference) -> str:
    largest = "not a number" if wrong.relative is None else f"{wrong.relative:.1e}"
    by = wrong.detail or f"the largest error is {largest} in {wrong.tensor}, {wrong.tolerance:.0e} is allowed"
    return f"it differs from the oracle, first in {wrong.first_failing}: {by}"


def parted_at(losses: Sequence[float], baseline: Sequence[float]) -> int | None:
    """Return the first step of the first window in which two loss curves of one seed differ, or None.

    Correct trainings differ too, because rounding grows. A window's mean losses may differ by a fraction of
    their mean plus three standard errors of the baseline's mean, because losses of small batches scatter.
    """
    for start in range(0, min(len(losses), len(baseline)), WINDOW):
        own, other = (np.array(curve[start : start + WINDOW]) for curve in (losses, baseline))
        allowed = CURVES.value * (own.mean() + other.mean()) / 2
        allowed += 3 * other.std() / np.sqrt(len(other))
        if not abs(own.mean() - other.mean()) <= allowed:
            return start
    return None
