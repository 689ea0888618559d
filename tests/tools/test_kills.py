"""A run killed at a random moment is taken up and ends as the unbroken one; nothing is left running."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.recording import Fault
from tests.reliability.small_runs import Outcome, Place, half_written, kill_at, moments, outcome, workers_left

FAULTS = "A run that is interrupted"
KILLS = 4  # `python -m tools.kills` makes twenty


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return data, interpreters and a directory for temporary files."""
    return Place.create(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def unbroken(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, float]:
    """Return the whole run's outcome and how long it took."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    start = time.monotonic()
    done = place.run(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return outcome(out), time.monotonic() - start


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_resumes_to_the_unbroken_result(
    place: Place, unbroken: tuple[Outcome, float], number: int, tmp_path: Path, fault: Fault
) -> None:
    """The losses are those of the run that was not killed, and no process or file is left."""
    expected, seconds = unbroken
    out = tmp_path / "run"
    kill_at(place, out, max(0.9, moments(KILLS, seconds, seed=7)[number]))
    assert workers_left(place.temporary) == []
    done = place.resume(out)
    if done.returncode == 2:  # killed before it had written what it was asked to do: nothing to lose
        assert "Name a directory that compare.run wrote" in done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome(out) == expected
    assert half_written(out) == []
    assert list(place.temporary.iterdir()) == []  # what the killed run's workers had there is removed too
    if number == KILLS // 2:  # by then the first launches are under way
        fault(
            "The whole run is killed (SIGKILL), at any moment",
            words="nothing; `--resume` ends it with the same losses as an uninterrupted run",
            survives="every seed whose launches were finished; no worker still runs",
        )
