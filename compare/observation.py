"""Reads facts of the machine for the record: an unknown fact is None, and a failed reading ends no run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def observe(read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | None:
    """Return the result of `read`, or None if it raises any exception.

    A sandbox may hide a file of the kernel, refuse a system call or return nonsense. Libraries that read
    these then raise undocumented exceptions. Use this only for records and cautions: a reading that a result
    depends on must raise its error.
    """
    try:
        return read(*arguments, **options)
    except Exception:  # noqa: BLE001  (see above)
        return None
