"""docs/faults.md says what the tests saw: its form here, its rows after the tests of each module."""

from pathlib import Path

import pytest

from tests.faults import recording
from tests.faults.recording import COMMAND, PAGE, Recorded, Row


def test_every_section_has_its_test() -> None:
    """A module that is gone leaves no claim behind."""
    page = PAGE.read_text(encoding="utf-8")
    found = recording.sections(page)
    assert len(found) > 5
    for module in found:
        assert (recording.ROOT / module).is_file(), f"{module} is gone. Write the page anew: {COMMAND}"
    assert page == recording.written(found)


def test_a_row_that_no_test_records_is_found() -> None:
    """A test that is gone leaves no claim behind."""
    module = "tests/faults/test_page.py"
    recorded = Recorded({module: "Title"}, {module: [Row("one", "seen", "all")]}, {module: {"a"}}, {"a"})
    page = recording.written({module: recorded.section(module)})
    assert not list(recorded.differences(module, page))
    stale = page.rstrip() + "\n" + Row("two", "seen", "all").markdown() + "\n"
    assert "other rows" in next(recorded.differences(module, stale))
    assert "not on the page" in next(recorded.differences(module, page.replace("seen", "changed")))
    assert "not on the page" in next(recorded.differences(module, recording.written({})))


def test_what_differs_between_runs_is_not_on_the_page(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Places of this machine, and numbers of processes."""
    seen = f"  error: {tmp_path / 'data'}: cannot be read\n\nby process 4711 of {recording.ROOT}/x  "
    said = recording.shown(seen, tmp_path_factory.getbasetemp())
    assert said == "error: DIR/data: cannot be read\nby process N of ./x"
