"""What a machine lacks is told apart from what a model gets wrong."""

from __future__ import annotations

import pytest

from compare.ladder.climber import CANNOT_RUN
from compare.worker.refusals import from_error


@pytest.mark.parametrize(
    "message",
    [
        "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')",
        "Failed to find C compiler. Please specify via CC environment variable.",
    ],
)
def test_a_missing_compiler_is_the_machines_fault(message: str) -> None:
    """A variant that needs one is unavailable, and nobody is wrong."""
    kind, reason = from_error(message) or ("", "")
    assert kind in CANNOT_RUN
    assert reason == "no C++ compiler; install g++"


def test_an_error_of_the_models_own_is_not() -> None:
    """It fails its rung."""
    assert from_error("RuntimeError: mat1 and mat2 shapes cannot be multiplied") is None
