"""Generates `docs/porting.md`: `python -m tools.porting_guide > docs/porting.md`."""

from __future__ import annotations

import sys

from compare.rendering.concepts import Concept
from compare.rendering.source_pairs import Excerpt, pairs

INTRODUCTION = """\
# Porting TensorFlow to PyTorch, piece by piece

Each section shows one piece of the same LeNet in both frameworks, the mistake that porters make there, and
the rung of the parity ladder (`python -m compare.parity`) that catches it.

`python -m tools.porting_guide > docs/porting.md` makes this page from the source files of this repository. A
test fails if the page is out of date. To read all of it: `diff tf_impl/model.py torch_impl/model.py`."""


def guide() -> str:
    """Return the page as Markdown. Raises SourceMissing if a definition that it shows does not exist."""
    parts = [INTRODUCTION]
    for pair in pairs():
        concept = pair.concept
        parts += [
            f"## {concept.name}",
            concept.translation,
            fenced("TensorFlow", pair.tensorflow),
            fenced("PyTorch", pair.pytorch),
            f"**The trap.** {concept.trap}",
            caught(concept),
        ]
    return "\n\n".join(parts) + "\n"


def caught(concept: Concept) -> str:
    """Return which rung catches a mistake, and the command that shows it."""
    commands = ", ".join(f"`python -m compare.parity --trap {trap}`" for trap in concept.traps)
    return concept.caught + (f" Try it: {commands}." if commands else "")


def fenced(framework: str, excerpt: Excerpt) -> str:
    """Return an excerpt as a code block, with its file and line."""
    return f"{framework}, `{excerpt.where}`:\n\n```python\n{excerpt.code}\n```"


if __name__ == "__main__":
    sys.stdout.write(guide())
