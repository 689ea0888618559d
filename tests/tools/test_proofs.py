"""`tools.proofs` keeps how each of the longest tests ended, and the committed result holds all of them."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import PROOFS
from tools import proofs


def test_every_proof_ran_and_passed(pytestconfig: pytest.Config) -> None:
    """A test that the test command leaves out has been run by `make proofs`."""
    ended = {one["test"]: one["ended"] for one in json.loads(proofs.OUT.read_text())["tests"]}
    assert set(ended.values()) == {"passed"}
    assert pytestconfig.stash[PROOFS] <= ended.keys()


@pytest.mark.parametrize("ended", ["failure", "error", "skipped", "passed"])
def test_how_a_test_ended_is_read(ended: str) -> None:
    """From what pytest writes of it, whatever it printed."""
    inside = "" if ended == "passed" else f"<{ended}/>"
    case = (
        f'<testcase classname="tests.a.test_b" name="test_c[1]" time="2.5"><system-out/>{inside}</testcase>'
    )
    assert proofs.outcome(ET.fromstring(case)) == {  # noqa: S314  (written above)
        "test": "tests/a/test_b.py::test_c[1]", "ended": ended, "seconds": 2.5,
    }  # fmt: skip
