"""Explains why a framework cannot use a card, and what to do about it. Pure functions from facts to words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from compare.protocol import messages
from compare.reasons import reason_in
from compare.worker.nvidia_driver import LIBRARY, Driver

# The oldest driver for each major version of CUDA, for every minor version:
# docs.nvidia.com/deploy/cuda-compatibility, "Minor Version Compatibility".
OLDEST_DRIVER = {12: 525, 13: 580}

# Results of `cuInit` if the driver itself is present: CUresult in cuda.h.
NO_DEVICE = 100
STATUS_REASONS = {
    802: "the system is not ready yet (on machines with NVSwitch: is the fabric manager running?)",
    803: "its library and its kernel module are of different versions; restart the machine",
    804: "its library is a compatibility package that this card does not take; remove the package",
}


class RefusedRequest(Exception):
    """Something that this worker cannot do; the fields are those of `messages.Refused`."""

    def __init__(self, kind: str, reason: str, *, logged: bool = False, missing: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.kind, self.logged, self.missing = kind, logged, list(missing)

    @property
    def message(self) -> messages.Refused:
        return messages.Refused(self.kind, str(self), self.logged, self.missing)


@dataclass(frozen=True)
class Build:
    """What a framework was built for. `capabilities`: sm_80 is for 8.0; compute_90 is for newer cards too."""

    framework: str  # with its version
    cuda: str | None
    capabilities: Sequence[str] = field(default_factory=tuple)

    @property
    def cuda_major(self) -> int | None:
        return int(self.cuda.partition(".")[0]) if self.cuda else None


Card = tuple[str, tuple[int, int]]  # its name and compute capability


def why_not(
    build: Build, driver: Driver, cards: Callable[[], Sequence[Card]], environ: Mapping[str, str]
) -> str | None:
    """Return the first reason, from the framework down to the card, or None.

    cards: returns the cards that the framework sees. Call it only if the driver works: it loads libraries.
    """
    if build.cuda is None:
        return f"this {build.framework} is built without CUDA. Install a build with it: make cuda"
    return driver_reason(build, driver, environ) or card_reason(build, cards())


def driver_reason(build: Build, driver: Driver, environ: Mapping[str, str]) -> str | None:
    major = build.cuda_major or 0
    wanted = f"driver {OLDEST_DRIVER[major]} or newer" if major in OLDEST_DRIVER else "a newer driver"
    if not driver.present:
        return (
            f"there is no NVIDIA driver ({LIBRARY} does not load), and {build.framework} (CUDA {build.cuda}) "
            f"needs {wanted}. Install it; start a container with access to GPUs (--gpus all)"
        )
    if driver.cuda is not None and driver.cuda[0] < major:
        has = ".".join(map(str, driver.cuda))
        return (
            f"the driver is too old: it runs CUDA up to {has}, and {build.framework} is built for "
            f"CUDA {build.cuda}. Install {wanted}"
        )
    if driver.status == NO_DEVICE or driver.devices == 0:
        return no_card_reason(environ.get("CUDA_VISIBLE_DEVICES"))
    if driver.status != 0:
        said = STATUS_REASONS.get(driver.status or 0, "nvidia-smi may say more")
        return f"the NVIDIA driver does not start (cuInit: {driver.status}): {said}"
    return None


def no_card_reason(visible: str | None) -> str:
    if visible in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES is {visible!r}, which hides every card. Unset it, or name one"
    named = f" named by CUDA_VISIBLE_DEVICES={visible}" if visible not in (None, "0") else ""
    return f"the NVIDIA driver finds no card{named}. nvidia-smi -L lists those that are there"


def card_reason(build: Build, cards: Sequence[Card]) -> str | None:
    if not cards:
        return (
            f"the driver works, but {build.framework} does not load its CUDA {build.cuda_major} libraries: "
            "they are missing, or another framework's have replaced them. Install each framework in its "
            "own environment: make cuda"
        )
    name, capability = cards[0]
    if build.capabilities and not runs_on(build.capabilities, capability):
        has = ", ".join(build.capabilities)
        return (
            f"{build.framework} has no code for {name}, of compute capability {dotted(capability)}: it is "
            f"built for {has}. Use another card, or a build for this one"
        )
    return None


def runs_on(capabilities: Sequence[str], card: tuple[int, int]) -> bool:
    """Return whether any of the code runs on a card.

    sm code runs on its major version, from its minor version up. compute code runs on all later versions too.
    """
    for built in capabilities:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", built)
        if found is None:
            continue
        kind, major, minor = found[1], int(found[2]), int(found[3])
        if kind == "sm" and major == card[0] and minor <= card[1]:
            return True
        if kind == "compute" and (major, minor) <= card:
            return True
    return False


def dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))


# cuBLAS says NOT_INITIALIZED if it finds no memory for its workspace; cuDNN 9 has its own names for this.
OUT_OF_MEMORY = re.compile(
    r"out of memory|OUT_OF_MEMORY|OOM when allocating|failed to allocate memory|STATUS_ALLOC_FAILED|"
    r"DEVICE_ALLOCATION_FAILED|CUBLAS_STATUS_NOT_INITIALIZED",
    re.IGNORECASE,
)
ON_CPU = re.compile(r"device:CPU|allocator cpu|DefaultCPUAllocator")
NO_CODE = re.compile(r"no kernel image is available|NO_BINARY_FOR_GPU")


ELSEWHERE = "set TMPDIR to a directory on another file system"
# What a compilation lacks, by the message of torch/_inductor/exc.py, Triton, gcc or the loader.
NOT_COMPILED = {
    r"No working C\+\+ compiler|Failed to find C compiler|Compiler: \S+ is not found": (
        "no C++ compiler; install g++"
    ),
    r"fatal error: Python\.h": "the headers of Python are missing; install python3-dev",
    r"Killed signal terminated program": "the compiler was killed, perhaps because memory ran out",
    r"No space left on device": f"no space is left for temporary files; free some, or {ELSEWHERE}",
    r"torchinductor\S*: failed to map segment": (
        f"the system refuses to run what was compiled in the directory for temporary files; {ELSEWHERE}"
    ),
    r"Cannot find a working triton": "Triton is missing; install it: pip install triton",
    r"too old to be supported by the triton": (
        "this card is too old for Triton, which torch compiles with; use another card or variant"
    ),
}


def from_error(text: str) -> tuple[str, str] | None:
    """Return kind, as in `messages.Refused`, and reason of an error that the machine causes, else None."""
    line = reason_in(text).line
    for said, reason in NOT_COMPILED.items():
        if re.search(said, text):
            return "compiler", reason
    if ON_CPU.search(text):
        return None
    if OUT_OF_MEMORY.search(text):
        action = (
            "Close what else runs on it (nvidia-smi lists it), or use a smaller --batch-size or fewer "
            "--variants: all of a seed's launches are on the card at once"
        )
        return "memory", f"the card's memory is full: {line}. {action}"
    if NO_CODE.search(text):
        return "device", f"it has no code for this card: {line}. Use another card, or a build for this one"
    return None
