"""What a run prints, from made-up results, at widths that a terminal may have."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from compare.rendering import terminal
from tests.rendering import synthetic


def printed(width: int) -> str:
    """Return what the terminal shows of a run, at a width."""
    [found] = synthetic.found(steps=1000)
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(terminal.summary(found, width))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 72, 80, 120])
def test_no_word_is_cut_and_no_line_is_too_long(width: int) -> None:
    """Whatever the width, the words are those of a wide terminal."""
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    assert set(text.split()) <= set(printed(300).split())


def test_a_wide_terminal_keeps_each_row_on_a_line() -> None:
    """A hundred columns are enough for every row."""
    rows = [line for line in printed(100).splitlines() if line.strip().startswith(("PyTorch eager ", "900 "))]
    assert len(rows) >= 2
    assert all(len(line.split()) >= 6 for line in rows), rows
