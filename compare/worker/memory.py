"""The memory of this process, and errors that mean that this machine, not a card, has too little of it."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

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
    detail = f": {line}" if line else ""
    return "memory", (
        f"there is not enough memory ({type(error).__name__}{detail}). Close other programs, raise the limit "
        "(ulimit -v, the container's), or use a smaller --batch-size"
    )


def rss_bytes() -> int | None:
    """Resident memory now; None if there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux
