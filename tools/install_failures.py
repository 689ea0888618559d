"""Finds why an installation failed, from the output of pip, uv or venv, and says what to do next."""

from __future__ import annotations

import platform
import re

PYTHON = ".".join(platform.python_version_tuple()[:2])
AGAIN = "Then run make again: what was downloaded is kept."
# The first pattern that is found decides: without a network, pip also says that nothing matches.
CAUSES = (
    (
        r"No space left on device|Errno 28|Disk quota exceeded|os error 28",
        (
            "The disk is full. Free some space, or put the cache and the temporary files on another disk "
            f"(XDG_CACHE_HOME=DIR TMPDIR=DIR make …). {AGAIN}"
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate",
        (
            "The certificate of the package index is not trusted. If a proxy signs it, name the proxy's "
            f"certificate: PIP_CERT=FILE for pip, SSL_CERT_FILE=FILE for uv. {AGAIN}"
        ),
    ),
    (
        (
            r"Failed to establish a new connection|name resolution|Name or service not known|nodename nor"
            r"|Network is unreachable|Connection (refused|reset)|[Tt]imed out|ProxyError|dns error"
            r"|error sending request|Failed to fetch"
        ),
        (
            "The package index cannot be reached. Check the network, and HTTPS_PROXY if you need a proxy. "
            f"PIP_INDEX_URL (pip) or UV_DEFAULT_INDEX (uv) names a mirror. {AGAIN}"
        ),
    ),
    (
        r"No matching distribution found|No solution found",
        (
            f"A package has no version for Python {PYTHON} on {platform.system()} {platform.machine()}. "
            "Name another Python: make PYTHON=python3.12"
        ),
    ),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip)|ensurepip.*non-zero exit status",
        (
            f"This Python has no venv module. On Debian and Ubuntu: apt install python{PYTHON}-venv. "
            "Or install uv, which does not need it."
        ),
    ),
    (
        r"[Pp]ermission denied",
        "A directory cannot be written. Give this user the right to write to it, or work in another copy.",
    ),
    (
        r"MemoryError|Cannot allocate memory",
        f"This machine has not enough free memory. Close other programs. {AGAIN}",
    ),
)


def advice(output: str) -> str:
    """Return what to do after a failure. If its cause is unknown, return the last line with an error."""
    for pattern, words in CAUSES:
        if re.search(pattern, output):
            return words
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["The installer printed nothing."])[-1]
