"""Defines a form of the training step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """A form. `name` is a variant's name if the form is one; `trainer` builds it as a variant's trainer."""

    name: str
    what: str
    trainer: Any
