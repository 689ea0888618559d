"""Lists the framework versions that this code runs on, and those that the tests use. Standard library only.

Older versions lack features that the code uses. TensorFlow before 2.18 does not accept NumPy 2, and before
2.16 it has Keras 2. torch before 2.4 has no fused Adam on the CPU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """A range of versions by major and minor number. `below`: a major version that may change the API."""

    oldest: tuple[int, int]
    below: int
    tested: tuple[int, int]


SUPPORTED = {"tensorflow": Range((2, 18), 3, (2, 21)), "torch": Range((2, 4), 3, (2, 14))}


def unsupported(package: str, version: str) -> str | None:
    """Return why this version cannot be used, and what to install; None if it can be used."""
    wanted, found = SUPPORTED[package], numbers(version)
    oldest = f"{wanted.oldest[0]}.{wanted.oldest[1]}"
    if found is not None and wanted.oldest <= found < (wanted.below, 0):
        return None
    return (
        f"{package} {version[:40]} is not supported: it must be {oldest} or newer, and below {wanted.below}. "
        f'Install "{package}>={oldest},<{wanted.below}", tested with {dotted(wanted.tested)}'
    )


def untested(package: str, version: str) -> str | None:
    """Return a caution if a supported version is not the one that the tests use."""
    tested = SUPPORTED[package].tested
    if numbers(version) == tested:
        return None
    return f"{package} {version[:40]} is not the version that the tests run with, {dotted(tested)}"


def numbers(version: str) -> tuple[int, int] | None:
    """Return the major and the minor number; None if the text is not a version."""
    found = re.match(r"(\d{1,9})\.(\d{1,9})", version)
    return (int(found[1]), int(found[2])) if found else None


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
