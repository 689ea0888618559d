"""One form of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """`name` is a variant's where it is one; `trainer` builds it as a variant's trainer is built."""

    name: str
    what: str
    trainer: Any
