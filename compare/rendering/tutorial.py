"""Holds the output of the TensorFlow 1.4 eager tutorial, for comparison with a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from compare.data.known_sets import MNIST, set_name
from compare.records.config import Config


class TutorialPoint(NamedTuple):
    """A line that the tutorial printed during its training."""

    step: int
    loss: float
    batch_accuracy: float  # the fraction of the batch of 128 that is right


PUBLISHED_RUN = (
    TutorialPoint(0, 2.302757740020752, 0.1640625),
    TutorialPoint(100, 0.17742319405078888, 0.9609375),
    TutorialPoint(200, 0.056245774030685425, 0.9921875),
    TutorialPoint(300, 0.11313237249851227, 0.9609375),
    TutorialPoint(400, 0.016188189387321472, 1.0),
    TutorialPoint(500, 0.026423435658216476, 0.984375),
    TutorialPoint(600, 0.08073948323726654, 0.984375),
    TutorialPoint(700, 0.0532052144408226, 0.984375),
    TutorialPoint(800, 0.06941711902618408, 0.9765625),
    TutorialPoint(900, 0.009956443682312965, 0.9921875),
)


def published(config: Config) -> Sequence[TutorialPoint]:
    """Return the tutorial's points if the run used the tutorial's data set; nothing for another set."""
    return PUBLISHED_RUN if set_name(config.data.sha256) == MNIST else ()
