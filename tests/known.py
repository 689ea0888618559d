"""A value that may be None by its type, and is not in a test."""

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """Return the value; fail if it is None."""
    assert value is not None
    return value
