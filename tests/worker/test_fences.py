"""The timed region is fenced at both ends: a card that answers at once and works later hides no work."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from compare.data.batches import Batch
from compare.worker import explanation, session
from compare.worker.contract import Inspectable
from compare.worker.session import Session

STEP_SECONDS = 0.005  # of work on the card; the host's own part takes no time here
BATCH = Batch(np.zeros((2, 28, 28, 1), np.float32), np.zeros(2, np.int64), None)


@dataclass
class Card:
    """A trainer whose steps are queued at once and done when it is waited for; keeps a clock and a log."""

    now: float = 0.0
    queued: float = 0.0
    log: list[str] = field(default_factory=list)

    def step(self, *_: Any) -> tuple[Any, np.ndarray]:
        self.log.append("step")
        self.queued += STEP_SECONDS
        return Loss(self.log), np.zeros((2, 10), np.float32)

    def phases(self, *_: Any) -> Any:
        for name in ("forward", "backward"):
            self.log.append(name)
            self.queued += STEP_SECONDS
            yield name

    def synchronize(self) -> None:
        self.log.append("synchronize")
        self.now += self.queued
        self.queued = 0.0

    def to_numpy(self, tensor: np.ndarray) -> np.ndarray:
        return tensor

    def perf_counter(self) -> float:
        self.log.append("clock")
        return self.now

    def process_time(self) -> float:
        return 0.0


@dataclass
class Loss:
    """Does not wait when it is fetched, so that only a fence can."""

    log: list[str]

    def __float__(self) -> float:
        self.log.append("loss")
        return 1.0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    """Return a card that is simulated, in the place of the clock and the framework."""
    card = Card()
    clock = SimpleNamespace(perf_counter=card.perf_counter, process_time=card.process_time)
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(explanation, "time", clock)
    return card


def session_on(card: Card) -> Any:
    """Return a session without a framework: the card stands in for its trainer."""
    found = Session.__new__(Session)
    found.trainer = cast(Inspectable, card)
    found.stream = lambda: repeat(BATCH)  # type: ignore[method-assign]
    return found


def test_a_step_is_timed_from_fence_to_fence(card: Card) -> None:
    """Work still queued from before is not counted, the step's own is, whole."""
    card.queued = 1.0
    _, _, seconds = session_on(card).timed_step(BATCH)
    assert card.log == ["synchronize", "clock", "step", "loss", "synchronize", "clock"]
    assert seconds == pytest.approx(STEP_SECONDS)


def test_throughput_is_fenced_once_at_each_end(card: Card) -> None:
    """The second figure fetches nothing and waits once, and still counts all the work."""
    steps = 4
    seconds = explanation.unsynchronized_step_seconds(session_on(card), steps)
    assert card.log == ["synchronize", "clock", *["step"] * steps, "synchronize", "clock"]
    assert seconds == pytest.approx(STEP_SECONDS)


def test_each_phase_waits_for_its_own_work(card: Card) -> None:
    """Otherwise the backward pass would be charged with the forward pass."""
    found = explanation.phase_seconds(cast(Inspectable, card), repeat(BATCH), 1)
    assert found == {"forward": [pytest.approx(STEP_SECONDS)], "backward": [pytest.approx(STEP_SECONDS)]}
    fence = ["synchronize", "clock"]
    assert card.log == [*fence, "forward", *fence, "backward", *fence]


def test_the_cost_of_a_fence_is_that_of_one_with_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was queued before is waited for first, outside the clock."""

    class Dear(Card):
        def synchronize(self) -> None:
            super().synchronize()
            self.now += 0.0001

    card = Dear(queued=5.0)
    monkeypatch.setattr(explanation, "time", card)
    assert explanation.fence_seconds(cast(Any, card)) == pytest.approx(0.0001)


@pytest.mark.parametrize(
    ("device", "dtype", "size"),
    [("cpu", "float64", 2048), ("cuda", "float32", 8192), ("cuda", "float64", 4096)],
)
def test_a_card_multiplies_larger_matrices(device: str, dtype: str, size: int) -> None:
    """A product that a card does in a moment says nothing of its peak."""
    assert explanation.matmul_size(device, dtype) == size
