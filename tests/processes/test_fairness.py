"""What a worker reads back is held against what it was given."""

from typing import Any

import msgspec
import pytest

from compare.processes.fairness import unfair
from compare.protocol import messages

GIVEN: dict[str, Any] = {
    "environment": {"OMP_NUM_THREADS": "2", "PATH": "/bin"},
    "cpu_affinity": [1, 0],
    "niceness": 0,
    "threads": 2,
}
READY = messages.Ready(
    import_seconds=1.0,
    build_seconds=1.0,
    parameter_count=1,
    initial_weights_sha256="",
    data_sha256="",
    train_count=1,
    test_count=1,
    runtime={"threads": {"intra_op": 2}},
    environment={"OMP_NUM_THREADS": "2"},
    cpu_affinity=[0, 1],
    niceness=0,
)


def test_what_was_given_is_fair() -> None:
    """The order of CPUs does not matter, nor do variables that change nothing."""
    assert unfair(READY, **GIVEN) is None


@pytest.mark.parametrize("side", ["given", "found"])
def test_what_a_system_does_not_tell_is_no_difference(side: str) -> None:
    """As where a sandbox refuses the calls."""
    unknown: dict[str, Any] = {"cpu_affinity": None, "niceness": None}
    given = GIVEN | unknown if side == "given" else GIVEN
    ready = msgspec.structs.replace(READY, **unknown) if side == "found" else READY
    assert unfair(ready, **given) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cpu_affinity": [0]}, "it may run on CPUs [0], this command on [0, 1]"),
        ({"niceness": 10}, "its niceness is 10, this command's is 0"),
        (
            {"environment": {"OMP_NUM_THREADS": "1"}},
            "OMP_NUM_THREADS is '1' in the worker, but should be '2'",
        ),
        ({"environment": {}}, "OMP_NUM_THREADS is unset in the worker"),
        (
            {"environment": READY.environment | {"KERAS_HOME": "/x"}},
            "KERAS_HOME is '/x' in the worker, but should be unset",
        ),
        ({"runtime": {"threads": {"intra_op": 1}}}, "it uses 1 threads, but was asked for 2"),
        ({"runtime": {}}, "it uses None threads"),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], said: str) -> None:
    """The condition, what was found, and what was given."""
    assert said in (unfair(msgspec.structs.replace(READY, **change), **GIVEN) or "")
