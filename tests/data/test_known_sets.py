"""A data set is named by its content, and never by its directory."""

from __future__ import annotations

from compare.data import mnist
from compare.data.known_sets import MNIST, UNKNOWN, set_name
from compare.rendering import facts
from compare.rendering.tutorial import published
from tests.faults.recording import Fault
from tests.rendering import synthetic

FAULTS = "Another set of images"


def test_mnist_is_known_by_its_digest() -> None:
    """In whatever files it came."""
    assert set_name(mnist.load().sha256) == MNIST


def test_the_tutorial_stands_beside_its_own_set_only(fault: Fault) -> None:
    """Its losses on MNIST say nothing beside another set's; nor does a file's own word for the set."""
    results = synthetic.results(seeds=1, steps=20)
    assert published(results.config)
    results.config.data.sha256, results.config.data.source = "0" * 64, "home/anna"
    assert not published(results.config)
    assert facts.headline(results.config).startswith(f"LeNet on {UNKNOWN} · ")
    assert "anna" not in str(facts.method(synthetic.two(results, results)[0]))
    words = f"“LeNet on {UNKNOWN}”, or the name of a set that is known by its content"
    fault("Another data set in MNIST's files", words=words, survives="the run, without the tutorial's losses")
