"""Errors that mean that this machine's memory, not a card's, does not suffice."""

from __future__ import annotations

import re

# MemoryError; torch's allocator; TensorFlow's ResourceExhaustedError; C++ in either.
HOST_MEMORY = re.compile(
    r"DefaultCPUAllocator|allocator cpu|std::bad_alloc|Cannot allocate memory|[Uu]nable to allocate"
)


def from_error(error: Exception) -> tuple[str, str] | None:
    """Kind of refusal, as in `messages.Refused`, and reason; None for another error."""
    text = str(error)
    if not isinstance(error, MemoryError) and not HOST_MEMORY.search(text):
        return None
    line = (text.strip().splitlines() or [""])[0][:300]
    said = f": {line}" if line else ""
    return "memory", (
        f"there is not enough memory ({type(error).__name__}{said}). Close other programs, raise the limit "
        "(ulimit -v, the container's), or use a smaller --batch-size"
    )
