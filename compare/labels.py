"""Whose figures these are: a variant, its place among equals, its device, its run. Standard library only.

One grammar: `framework:variant#2 on cuda (A)`. `#2` is the variant's second place in --variants; the device
is left out if it is the CPU; (A) and (B) tell two runs side by side apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from compare.variants import FRAMEWORK_NAMES

CPU = "cpu"
GRAMMAR = re.compile(
    r"(?P<framework>[^:]+):(?P<variant>.+?)(?:#(?P<number>[1-9]\d*))?(?: on (?P<device>\S+))?"
    r"(?: \((?P<run>[A-Z])\))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Label:
    """Who a launch is: its framework, variant, number among equal ones, and device."""

    framework: str  # tf or torch
    variant: str
    number: int = 1
    device: str = CPU
    run: str = ""  # A or B, if two runs are shown side by side

    @classmethod
    def read(cls, text: str) -> Label:
        """From its text. Raises ValueError for text that is no label."""
        found = GRAMMAR.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no label: it must be framework:variant")
        framework, variant, number, device, run = found.groups()
        return cls(framework, variant, int(number or 1), device or CPU, run or "")

    @classmethod
    def read_or_none(cls, text: str) -> Label | None:
        """Read a label if the text is one."""
        try:
            return cls.read(text)
        except ValueError:
            return None

    def __str__(self) -> str:
        """Shortest form that can be read back."""
        device = "" if self.device == CPU else f" on {self.device}"
        return f"{self.entry}{device}{self._run}"

    @property
    def name(self) -> str:
        """`torch:eager`: the variant, wherever it runs."""
        return f"{self.framework}:{self.variant}"

    @property
    def entry(self) -> str:
        """`torch:eager#2`: its place in --variants, which results.json keeps beside the device."""
        return self.name + self._number

    @property
    def climber(self) -> str:
        """`torch:eager on cuda`: the ladder takes a variant once on each device."""
        return str(replace(self, number=1, run=""))

    @property
    def title(self) -> str:
        """`PyTorch eager (A)`, where the device is clear."""
        return self._title + self._run

    @property
    def full_title(self) -> str:
        """`PyTorch eager, cuda (A)`."""
        return f"{self._title}, {self.device}{self._run}"

    @property
    def stem(self) -> str:
        """`torch-eager-2-cuda`, as part of a file's name."""
        return f"{self.entry}-{self.device}".replace(":", "-").replace("#", "-")

    def on(self, device: str) -> Label:
        return replace(self, device=device)

    def of(self, run: str) -> Label:
        return replace(self, run=run)

    @property
    def _title(self) -> str:
        return f"{FRAMEWORK_NAMES.get(self.framework, self.framework)} {self.variant}{self._number}"

    @property
    def _number(self) -> str:
        return f"#{self.number}" if self.number > 1 else ""

    @property
    def _run(self) -> str:
        return f" ({self.run})" if self.run else ""
