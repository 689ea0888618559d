"""A run killed at a random moment is taken up and ends as the unbroken one; nothing is left running."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.recording import Fault
from tests.reliability.small_runs import (
    Finished,
    Place,
    half_written,
    kill_at,
    moments,
    outcome,
    workers_left,
)

FAULTS = "A run that is interrupted"
KILLS = 1  # `make kills` makes 23


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_resumes_to_the_unbroken_result(
    place: Place, finished: Finished, number: int, tmp_path: Path, fault: Fault
) -> None:
    """The losses are those of the run that was not killed, and no process or file is left."""
    out = tmp_path / "run"
    kill_at(place, out, max(0.9, moments(KILLS, finished.seconds, seed=7)[number]))
    assert workers_left(place.temporary) == []
    done = place.resume(out)
    if done.returncode == 2:  # killed before it had written what it was asked to do: nothing to lose
        assert "Name a directory that compare.run wrote" in done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome(out) == outcome(finished.directory)
    assert half_written(out) == []
    assert list(place.temporary.iterdir()) == []  # what the killed run's workers had there is removed too
    if number == KILLS - 1:  # by then the first launches are under way
        fault(
            "The whole run is killed (SIGKILL), at any moment",
            words="nothing; `--resume` ends it with the same losses as an uninterrupted run",
            survives="every seed whose launches were finished; no worker still runs",
        )
