"""What a machine lacks is told apart from what a model gets wrong."""

from __future__ import annotations

import pytest

from compare.ladder.climber import CANNOT_RUN
from compare.worker.refusals import from_error

ELSEWHERE = "set TMPDIR to a directory on another file system"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config: (None, 'g++')",
            "no C++ compiler; install g++",
        ),
        (
            "Failed to find C compiler. Please specify via CC environment variable.",
            "no C++ compiler; install g++",
        ),
        ("InvalidCxxCompiler: Compiler: g++-14 is not found.", "no C++ compiler; install g++"),
        (
            "CppCompileError\nOutput:\n/x/y.h:3:10: fatal error: Python.h: No such file",
            "the headers of Python are missing; install python3-dev",
        ),
        (
            "c++: fatal error: Killed signal terminated program cc1plus",
            "the compiler was killed, perhaps because memory ran out",
        ),
        (
            "OSError: [Errno 28] No space left on device: '/tmp/x/main.cpp'",
            f"no space is left for temporary files; free some, or {ELSEWHERE}",
        ),
        (
            "OSError: /x/torchinductor_me/c.main.so: failed to map segment from shared object",
            f"the system refuses to run what was compiled in the directory for temporary files; {ELSEWHERE}",
        ),
        (
            "TritonMissing: Cannot find a working triton installation. Either",
            "Triton is missing; install it: pip install triton",
        ),
        (
            "Found Tesla P100, which is too old to be supported by the triton GPU compiler",
            "this card is too old for Triton, which torch compiles with; use another card or variant",
        ),
    ],
)
def test_what_compiling_lacks_is_the_machines_fault(message: str, said: str) -> None:
    """A variant that needs it is unavailable, and nobody is wrong."""
    kind, reason = from_error(message) or ("", "")
    assert kind in CANNOT_RUN
    assert reason == said


def test_an_error_of_the_models_own_is_not() -> None:
    """It fails its rung."""
    assert from_error("RuntimeError: mat1 and mat2 shapes cannot be multiplied") is None
