"""Turns an error in the worker into a refusal: what kind it is, why, and what to do. Pure functions.

`reasons` finds the line that matters; this module holds the frameworks' errors with a known remedy.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from compare.errors import typed
from compare.reasons import Reason, reason_of
from compare.worker import memory, refusals
from compare.worker.refusals import RefusedRequest

OWN_ENVIRONMENT = (
    "A CUDA library that it needs is missing, or another framework's wheels have replaced this library. "
    "Install each framework in its own environment: make cuda"
)
REINSTALL = "Install it again: {pip} --force-reinstall {package}"
# The remedy by a pattern in the reason of a failed import. The first pattern that matches counts.
REMEDIES: Mapping[str, str] = {
    r"lib(cuda|cudart|cu[a-z]+|nv[a-zA-Z]+|nccl)\b[\w.+-]*: cannot open shared object": OWN_ENVIRONMENT,
    r"undefined symbol: \w*(nv[A-Z]|cublas|cudnn|nccl|cuda)|Cannot dlopen": OWN_ENVIRONMENT,
    r"(?P<library>lib[\w.+-]+\.so[\d.]*): cannot open shared object": (
        "Install the system's package that holds {library}"
    ),
    r"undefined symbol": f"Its libraries do not fit each other. {REINSTALL}",
    r"file too short|invalid ELF header|wrong ELF class": f"Its installation is damaged. {REINSTALL}",
    r"version `(GLIBCXX|CXXABI)_[^']+' not found": (
        "This system's C++ library (libstdc++) is older than it needs. Use a newer system, or conda's "
        "Python with its libstdcxx-ng"
    ),
    r"version `GLIBC_[^']+' not found": "This system's C library is older than it needs. Use a newer system",
    r"incompatible architecture": "It is built for another processor. Use an interpreter for this one",
    r"_ARRAY_API not found|numpy\.dtype size changed|compiled using NumPy 1": (
        "It is built for another NumPy. Install versions that fit: {pip} --upgrade {package} numpy"
    ),
    r"failed to map segment": (
        "Memory is limited (ulimit -v), or its files lie where programs may not run (noexec)"
    ),
    r"No module named": f"Something that it needs is missing. {REINSTALL}",
}  # fmt: skip


def failure_of_import(package: str, error: Exception) -> RefusedRequest:
    """Return why an installed framework cannot be imported, what to do, and that the log holds the rest."""
    if known := memory.from_error(error):
        return RefusedRequest(*known, logged=True)
    reason = reason_of(error)
    remedy = remedy_for(reason.line, package) or reason.cure
    line = str(Reason(reason.line, remedy)).removeprefix("ImportError: ")
    return RefusedRequest("import", f"{package} does not load: {line}", logged=True)


def remedy_for(line: str, package: str) -> str:
    """Return what to do about the reason of a failed import; empty if no remedy is known."""
    for pattern, remedy in REMEDIES.items():
        if found := re.search(pattern, line):
            pip = f"{typed(sys.executable)} -m pip install"
            return remedy.format(pip=pip, package=package, **found.groupdict())
    return ""


def failure(error: Exception | SystemExit) -> RefusedRequest:
    """Return the refusal for an error: too little memory on the card or machine, or the error itself."""
    if isinstance(error, SystemExit):
        return RefusedRequest("error", f"its code ends the program (status {error.code})", logged=True)
    if known := refusals.from_error(str(error)) or memory.from_error(error):
        return RefusedRequest(*known)
    return RefusedRequest("error", str(reason_of(error)), logged=True)
