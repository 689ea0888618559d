"""Single updates from a side's own state: right ones pass, and each way of training wrongly shows at once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from compare.data import mnist
from compare.data.batches import Batch, batches
from compare.data.weights import initial_weights
from compare.ladder.inputs import spec_of_size
from compare.ladder.oracle import Oracle
from compare.ladder.tolerances import BY_DTYPE
from compare.ladder.updates import Update, late_differences, state_of
from compare.protocol import messages
from compare.records.parity import Difference
from lenet_spec import LeNetSpec

SPEC = spec_of_size(LeNetSpec(), 4)
STEPS = 3


class Side:
    """A worker that trains the oracle, wrongly if it is told how: `wrong(oracle, batch)` makes an update."""

    def __init__(self, stream: list[Batch], wrong: Callable[[Oracle, Batch], float] | None = None) -> None:
        self.oracle, self.stream = Oracle(SPEC, initial_weights(SPEC, 0)), iter(stream)
        for batch in islice(self.stream, STEPS):
            self.oracle.step(*batch)
        self.wrong = wrong

    def ask(self, request: messages.Step | messages.State) -> Update:
        """Answer as a worker does."""
        if isinstance(request, messages.State):
            return self.state(float("nan"), np.zeros(0))
        batch = next(self.stream)
        logits = self.oracle.activations(batch.images)["logits"]
        if self.wrong is not None:
            return self.state(self.wrong(self.oracle, batch), logits)
        loss, logits = self.oracle.step(*batch)
        return self.state(loss, logits)

    def state(self, loss: float, logits: np.ndarray) -> Update:
        """Return copies, as they come through a pipe."""
        now = state_of(self.oracle)
        first, second = (
            {name: array.copy() for name, array in moments.items()}
            for moments in (now.first_moments, now.second_moments)
        )
        return Update(now.parameters, first, second, loss, {"logits": logits})


@pytest.fixture(scope="module")
def stream() -> list[Batch]:
    """Return the batches of a few steps and of the updates after them."""
    return list(islice(batches(mnist.load(), SPEC, seed=0, dtype="float64"), STEPS + 3))


def differences(side: Side, stream: list[Batch]) -> list[Difference]:
    """Return how the side's late updates differ from the oracle's."""
    own = BY_DTYPE["float64"]
    return late_differences(side.ask, stream[STEPS:], SPEC, own, label="side", steps_done=STEPS)


def test_right_updates_pass(stream: list[Batch]) -> None:
    """The loss, the logits, both moments and the parameters."""
    found = differences(Side(stream), stream)
    assert [one.group for one in found] == ["late_loss", "late_logits", "late_moments", "late_parameters"]
    assert all(one.passed for one in found)


def frozen(oracle: Oracle, batch: Batch) -> float:
    """Compute the loss, and update nothing."""
    return oracle.loss(*batch)


def at_twice_the_rate(oracle: Oracle, batch: Batch) -> float:
    """Make the update twice as long; Adam's moments are right."""
    before = oracle.parameters()
    loss = oracle.step(*batch)[0]
    for name, weight in before.items():
        oracle.weights[name] += oracle.weights[name] - weight
    return loss


def with_a_gradient_kept(oracle: Oracle, batch: Batch) -> float:
    """Add this batch's gradient to itself, as one that was not cleared would be added."""
    gradients = {name: 2 * gradient for name, gradient in oracle.gradients(*batch).items()}
    loss = oracle.loss(*batch)
    oracle.adam(gradients)
    return loss


def of_another_loss(oracle: Oracle, batch: Batch) -> float:
    """Tell a loss that is a thousandth too large."""
    return oracle.step(*batch)[0] * 1.001


@pytest.mark.parametrize(
    ("wrong", "group"),
    [
        (frozen, "late_moments"),
        (at_twice_the_rate, "late_parameters"),
        (with_a_gradient_kept, "late_moments"),
        (of_another_loss, "late_loss"),
    ],
)
def test_a_wrong_update_shows_in_the_first_step(
    wrong: Callable[[Oracle, Batch], float], group: str, stream: list[Batch]
) -> None:
    """With the number of the step."""
    failing = [one for one in differences(Side(stream, wrong), stream) if not one.passed]
    assert group in [one.group for one in failing]
    assert all(str(one.first_failing).endswith(f"at step {STEPS}") for one in failing)


def test_a_side_without_moments_is_not_judged(stream: list[Batch]) -> None:
    """A reader's port need not tell them."""
    side = Side(stream)
    without = lambda request: Update(side.ask(request).parameters, {}, {})  # noqa: E731
    found = late_differences(without, stream, SPEC, BY_DTYPE["float64"], label="side", steps_done=STEPS)
    assert found == []
