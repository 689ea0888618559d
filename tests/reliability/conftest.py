"""One place and one run that ended well, for all the tests here."""

from __future__ import annotations

import time

import pytest

from tests.reliability.small_runs import Finished, Place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return data, interpreters and a directory for temporary files."""
    return Place.create(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="session")
def finished(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Return the directory of a run that ended well, and how long it took."""
    out = tmp_path_factory.mktemp("finished") / "run"
    start = time.monotonic()
    done = place.run(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return Finished(out, time.monotonic() - start)
