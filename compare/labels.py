"""Names a launch by framework, variant, number among equal variants, device and run. Standard library only.

One grammar holds for all: `framework:variant#2 x3 on cuda (A)`. `#2` means the variant's second place in
--variants. `x3` means three ranks that train together in the framework's data-parallel engine. The CPU is not
written. (A) and (B) distinguish two runs in one report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from compare.numbers import count
from compare.variants import FRAMEWORK_NAMES

CPU = "cpu"
GRAMMAR = re.compile(
    r"(?P<framework>[^:]+):(?P<variant>.+?)(?:#(?P<number>[1-9]\d*))?(?: x(?P<ranks>[1-9]\d*))?"
    r"(?: on (?P<device>\S+))?(?: \((?P<run>[A-Z])\))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Label:
    """The name of a launch: its framework, variant, number among equal variants, ranks, and device."""

    framework: str  # tf or torch
    variant: str
    number: int = 1
    device: str = CPU
    run: str = ""  # A or B, if two runs are shown side by side
    ranks: int = 0  # 0: one process, in no engine

    @classmethod
    def read(cls, text: str) -> Label:
        """Read a label from its text. Raises ValueError if the text is not a label."""
        found = GRAMMAR.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a label: it must be framework:variant")
        framework, variant, number, ranks, device, run = found.groups()
        return cls(framework, variant, int(number or 1), device or CPU, run or "", int(ranks or 0))

    @classmethod
    def read_or_none(cls, text: str) -> Label | None:
        """Read a label from its text; return None if the text is not a label."""
        try:
            return cls.read(text)
        except ValueError:
            return None

    def __str__(self) -> str:
        """Return the shortest text that `read` accepts."""
        device = "" if self.device == CPU else f" on {self.device}"
        return f"{self.entry}{device}{self._run}"

    @property
    def name(self) -> str:
        """Return the variant without its place or device: `torch:eager`."""
        return f"{self.framework}:{self.variant}"

    @property
    def entry(self) -> str:
        """Return the variant, its place in --variants and its ranks: `torch:eager#2 x3`."""
        return self.name + self._number + (f" x{self.ranks}" if self.ranks else "")

    @property
    def climber(self) -> str:
        """Return the name on the ladder: `torch:eager x3 on cuda`, without the place in --variants."""
        return str(replace(self, number=1, run=""))

    @property
    def title(self) -> str:
        """Return a title without the device: `PyTorch eager (A)`."""
        return self._title + self._run

    @property
    def full_title(self) -> str:
        """Return a title with the device: `PyTorch eager, cuda (A)`."""
        return f"{self._title}, {self.device}{self._run}"

    @property
    def stem(self) -> str:
        """Return the label as part of a file's name: `torch-eager-2-x3-cuda`."""
        return re.sub("[:# ]", "-", f"{self.entry}-{self.device}")

    def on(self, device: str) -> Label:
        return replace(self, device=device)

    def of(self, run: str) -> Label:
        return replace(self, run=run)

    @property
    def _title(self) -> str:
        workers = f", {count(self.ranks, 'worker')}" if self.ranks else ""
        return f"{FRAMEWORK_NAMES.get(self.framework, self.framework)} {self.variant}{self._number}{workers}"

    @property
    def _number(self) -> str:
        return f"#{self.number}" if self.number > 1 else ""

    @property
    def _run(self) -> str:
        return f" ({self.run})" if self.run else ""
