"""Reads this process's memory use, and recognizes errors of too little memory in the machine, not a card."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

from compare.observation import observe
from compare.reasons import reason_in

# The texts of MemoryError, torch's allocator, TensorFlow's ResourceExhaustedError, and C++ libraries.
HOST_MEMORY = re.compile(
    r"DefaultCPUAllocator|allocator cpu|std::bad_alloc|[Cc]annot allocate memory|[Uu]nable to allocate|"
    r"HOST_ALLOCATION_FAILED"
)


def from_error(error: Exception) -> tuple[str, str] | None:
    """Return the kind of refusal, as in `messages.Refused`, and the reason; None for any other error."""
    text = str(error)
    if not isinstance(error, MemoryError) and not HOST_MEMORY.search(text):
        return None
    line = reason_in(text).line
    detail = f": {line}" if line else ""
    return "memory", (
        f"there is not enough memory ({type(error).__name__}{detail}). Close other programs, raise the limit "
        "(ulimit -v, the container's), or use a smaller --batch-size"
    )


def rss_bytes() -> int | None:
    """Return the resident memory now; None if there is no /proc."""
    pages = observe(lambda: int(Path("/proc/self/statm").read_text().split()[1]))
    return None if pages is None else pages * resource.getpagesize()


def peak_rss_bytes() -> int | None:
    """Return the peak of resident memory so far; None if the system does not report it."""
    usage = observe(resource.getrusage, resource.RUSAGE_SELF)
    if usage is None:
        return None
    return usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024  # kilobytes on Linux
