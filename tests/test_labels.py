"""One grammar of labels: what is made is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.labels import Label

NAMES = st.from_regex(r"[a-z][a-z0-9_.-]{0,12}", fullmatch=True)
LABELS = st.builds(
    Label,
    framework=NAMES,
    variant=NAMES,
    number=st.integers(1, 99),
    device=NAMES,
    run=st.sampled_from(["", "A", "B"]),
    ranks=st.integers(0, 99),
)


@given(LABELS)
def test_every_label_is_read_back(label: Label) -> None:
    """In full; and its entry, to which the device is told apart, as results.json keeps both."""
    assert Label.read(str(label)) == label
    assert Label.read(label.entry).on(label.device).of(label.run) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("tf:eager", Label("tf", "eager")),
        ("torch:tuned-graph#2", Label("torch", "tuned-graph", 2)),
        ("torch:eager on cuda", Label("torch", "eager", 1, "cuda")),
        ("torch:eager#3 on cuda:1 (B)", Label("torch", "eager", 3, "cuda:1", "B")),
        ("torch:eager#2 x3 on cuda (A)", Label("torch", "eager", 2, "cuda", "A", ranks=3)),
        ("tf:graph x1", Label("tf", "graph", ranks=1)),
        ("torch:x2 x0", Label("torch", "x2 x0")),
        ("torch:my port", Label("torch", "my port")),
        ("torch:a:b#0", Label("torch", "a:b#0")),
    ],
)
def test_the_grammar(text: str, label: Label) -> None:
    """A port's name may hold spaces and colons; `#` counts only before a number."""
    assert Label.read(text) == label
    assert str(label) == text


@pytest.mark.parametrize("text", ["", "oracle", ":eager", "tf:", "tf"])
def test_what_is_no_label_is_refused(text: str) -> None:
    """The oracle and the spec, which stand beside labels on the ladder, are none."""
    with pytest.raises(ValueError, match="must be framework:variant"):
        Label.read(text)


def test_a_title_names_what_a_reader_needs() -> None:
    """The framework's own name; the device and the run if they are needed."""
    label = Label("torch", "eager", 2, "cuda", "A")
    assert label.title == "PyTorch eager#2 (A)"
    assert label.full_title == "PyTorch eager#2, cuda (A)"
    assert Label("tf", "eager").title == "TensorFlow eager"
    assert label.stem == "torch-eager-2-cuda"
    assert label.name == "torch:eager"
    ranks = Label("torch", "eager", 2, ranks=3)
    assert ranks.title == "PyTorch eager#2, 3 workers"
    assert Label("tf", "graph", ranks=1).title == "TensorFlow graph, 1 worker"
    assert (ranks.stem, ranks.climber) == ("torch-eager-2-x3-cpu", "torch:eager x3")
