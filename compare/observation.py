"""Readings of the machine that are wanted for the record: unknown is None, and no reading ends a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def observe(read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | None:
    """Return what `read` returns, or None if it raises anything.

    A sandbox may hide a file of the kernel's, refuse a system call or show nonsense, and libraries that read
    these raise what no documentation names. Only for what a record or a caution would like to know: what a
    result depends on must fail.
    """
    try:
        return read(*arguments, **options)
    except Exception:  # noqa: BLE001  (see above)
        return None
