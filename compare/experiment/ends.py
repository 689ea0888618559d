"""The end of a launch, judged by the oracle: what it evaluates, and a few single updates after its last step.

The gate proves the first steps. This proves that the code which ran to the end is still the one that was
proved: the training has not stopped, its learning rate has not changed, its evaluation uses its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from compare.config import RunConfig
from compare.data.batches import Batch, batches, digest_of
from compare.data.mnist import Dataset, scale
from compare.dtypes import host_dtype
from compare.ladder.differences import compare_arrays
from compare.ladder.oracle import Oracle
from compare.ladder.tolerances import CURVES, Tolerances
from compare.ladder.updates import LATE_UPDATES, ORACLE, Update, late_differences, update_of
from compare.processes.launcher import Worker
from compare.processes.replies import arrays_of
from compare.protocol import messages
from compare.records.parity import Difference

MOST_IMAGES = 12 * 128  # in all updates of one launch: the oracle takes about four times as long as a worker
EVALUATED_IMAGES = 125
PLACES = 3  # seeds in a row look at updates of their own, so that an error of every 25th step is met
WINDOW = 50  # steps of a curve whose losses are taken together


@dataclass(frozen=True)
class End:
    """What every launch of one seed is asked at its end.

    digest: SHA-256 of the batches of all its steps; batches: those of the updates that are judged, after
    `skipped` that are not.
    """

    config: RunConfig
    dataset: Dataset
    digest: str
    skipped: int
    batches: list[Batch]

    def judge(
        self, worker: Worker, variant: str, parameters: Mapping[str, np.ndarray], own: Tolerances
    ) -> tuple[int, str] | None:
        """Return from which step on a launch is not as proved, and why; None if it is.

        parameters: those that it ended with. own: its tolerances. Trains its worker a few steps more.
        Raises WorkerRefused or WorkerFailed.
        """
        steps = self.config.steps
        evaluated = self.evaluation(worker, variant, parameters, own)
        if not evaluated.passed:
            return steps, in_words(evaluated)
        wrong = next((one for one in self.updates(worker, variant, own) if not one.passed), None)
        return None if wrong is None else (steps + self.skipped, in_words(wrong))

    def evaluation(
        self, worker: Worker, variant: str, parameters: Mapping[str, np.ndarray], own: Tolerances
    ) -> Difference:
        """Compare the launch's logits of test images with the oracle's, from the same parameters."""
        spec, allowed = self.config.spec(), own["late_logits"].value
        request = messages.Evaluate(EVALUATED_IMAGES, EVALUATED_IMAGES)
        reply = worker.request(request, messages.Arrays, self.config.timeout)
        images = scale(self.dataset.test_images[:EVALUATED_IMAGES], spec)
        expected = {"logits": Oracle(spec, parameters).logits(images)}
        return compare_arrays(variant, arrays_of(worker, reply.safetensors), ORACLE, expected, allowed)

    def updates(self, worker: Worker, variant: str, own: Tolerances) -> list[Difference]:
        """Compare single updates after the last step with the oracle's."""
        spec, timeout = self.config.spec(), self.config.timeout
        if self.skipped:
            worker.request(messages.Train(self.skipped), messages.Trained, timeout)

        def ask(request: messages.Step | messages.State) -> Update:
            reply = worker.request(request, messages.Arrays, timeout)
            return update_of(arrays_of(worker, reply.safetensors), spec, reply.loss)

        steps_done = self.config.steps + self.skipped
        return late_differences(ask, self.batches, spec, own, label=variant, steps_done=steps_done)


def end_of(config: RunConfig, dataset: Dataset, seed: int) -> End:
    """Read the seed's stream of batches to its end, and a little further."""
    stream = batches(dataset, config.spec(), seed=seed, dtype=host_dtype(config.dtype))
    digest = digest_of(stream, config.steps)
    updates = max(1, min(LATE_UPDATES, MOST_IMAGES // config.batch_size))
    skipped = updates * ((seed - config.first_seed) % PLACES)
    return End(config, dataset, digest, skipped, list(islice(stream, skipped, skipped + updates)))


def in_words(wrong: Difference) -> str:
    largest = "not a number" if wrong.relative is None else f"{wrong.relative:.1e}"
    by = wrong.detail or f"the largest error is {largest} in {wrong.tensor}, {wrong.tolerance:.0e} is allowed"
    return f"it parts from the oracle, first in {wrong.first_failing}: {by}"


def parted_at(losses: Sequence[float], baseline: Sequence[float]) -> int | None:
    """Return the first step of the first window in which two loss curves of one seed part; None if none.

    Right trainings part too, by what rounding grows to. A window's mean losses may differ by a share of
    their mean and by three standard errors of the baseline's: batches are small and losses scatter.
    """
    for start in range(0, min(len(losses), len(baseline)), WINDOW):
        own, other = (np.array(curve[start : start + WINDOW]) for curve in (losses, baseline))
        allowed = CURVES.value * (own.mean() + other.mean()) / 2
        allowed += 3 * other.std() / np.sqrt(len(other))
        if not abs(own.mean() - other.mean()) <= allowed:
            return start
    return None
