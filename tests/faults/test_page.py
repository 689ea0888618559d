"""docs/faults.md says what the tests saw."""

import pytest

from tests.faults import recording
from tests.faults.recording import COMMAND, KEY, PAGE, REWRITE, Recorded, Row


def test_the_page_holds_what_the_tests_saw(request: pytest.FixtureRequest):
    """Row for row, for the modules that this session ran; it runs last."""
    recorded = request.config.stash[KEY]
    if request.config.getoption(REWRITE):
        pytest.skip("the page is being written anew")
    page = PAGE.read_text(encoding="utf-8")
    found = list(recording.differences(recorded, page))
    assert not found, "\n".join([*found, f"Write it anew: {COMMAND}"])
    assert page == recording.written(recording.sections(page))


def test_a_row_that_no_test_records_is_found():
    """A test that is gone leaves no claim behind."""
    module = "tests/faults/test_page.py"
    recorded = Recorded({module: "Title"}, {module: [Row("one", "seen", "all")]}, {module: {"a"}}, {"a"})
    page = recording.written({module: recorded.section(module)})
    assert not list(recording.differences(recorded, page))
    stale = page.rstrip() + "\n" + Row("two", "seen", "all").markdown() + "\n"
    assert "other rows" in next(recording.differences(recorded, stale))
    assert "not on the page" in next(recording.differences(recorded, page.replace("seen", "changed")))
    assert "no such test" in next(recording.differences(recorded, page.replace("test_page", "test_gone")))


def test_what_differs_between_runs_is_not_on_the_page(tmp_path, tmp_path_factory: pytest.TempPathFactory):
    """Places of this machine, and numbers of processes."""
    seen = f"  error: {tmp_path / 'data'}: cannot be read\n\nby process 4711 of {recording.ROOT}/x  "
    said = recording.shown(seen, tmp_path_factory.getbasetemp())
    assert said == "error: DIR/data: cannot be read\nby process N of ./x"
