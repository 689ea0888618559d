"""Rows of docs/faults.md, written by the tests that prove them: a pytest plugin, loaded by tests/conftest.py.

A test anywhere under tests/ uses the fixture `fault` to say what it caused, what the user really saw, and
what survived. Its module names its section in a constant FAULTS. After a module's last test, the page is
compared with its rows. COMMAND writes the page again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
REWRITE = "--write-fault-table"
COMMAND = f"python -m pytest tests/faults tests/reliability {REWRITE}"

HEAD = f"""# What can go wrong, and what you see then

Each row is a test. It causes the fault with a real process, file or signal if that is possible, and reads
what the command then prints. Paths and numbers that differ from run to run are shown as `DIR`, `PYTHON` and
`N`. The tests write this page: `{COMMAND}`.

A worker has `--timeout` seconds for one command (default: 600). The first command of each kind that may
compile, such as a first step on a card, has three times as long. A worker has five seconds to end.
"""
COLUMNS = ("fault", "what you see", "what survives")


@dataclass(frozen=True)
class Row:
    """A row of the page: what was brought about, what the user saw, what survived."""

    fault: str
    seen: str  # lines as the user sees them
    survives: str
    words: str = ""  # in place of lines

    def markdown(self) -> str:
        lines = [f"`` {line} ``" if "`" in line else f"`{line}`" for line in self.seen.splitlines()]
        lines += [self.words] if self.words else []
        return (
            "| " + " | ".join(cell(text) for text in (self.fault, "<br>".join(lines), self.survives)) + " |"
        )


def cell(text: str) -> str:
    """Return the text so that it stays in one cell of a Markdown table."""
    return text.replace("|", "\\|")


@dataclass
class Recorded:
    """Of this session, by the path of the test module from the repository's root."""

    titles: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    wanted: dict[str, set[str]] = field(default_factory=dict)  # tests that record, by node id
    passed: set[str] = field(default_factory=set)
    partial: bool = False  # single tests were asked for
    left_out: set[str] = field(default_factory=set)  # modules of which some tests were left out

    def complete(self, module: str) -> bool:
        """Whether every row of the module has been recorded, so that another one on the page is stale."""
        return not self.partial and module not in self.left_out and self.wanted[module] <= self.passed

    def section(self, module: str) -> str:
        proof = f"Proved by [{module}](../{module})."
        table = [cells(COLUMNS), cells(["---"] * len(COLUMNS))]
        table += [row.markdown() for row in self.rows[module]]
        return "\n".join([f"## {self.titles[module]}", "", proof, "", *table])

    def differences(self, module: str, page: str) -> Iterator[str]:
        """Yield a line for each way in which the page says another thing than the module's tests saw."""
        section = sections(page).get(module, "")
        rows = self.rows.get(module, [])
        for row in rows:
            if row.markdown() not in section.splitlines():
                yield f"{module}: not on the page: {row.markdown()}"
        if self.complete(module) and section != self.section(module):
            yield f"{module}: the page's section has other rows than these {len(rows)}, or another order"


def cells(texts: tuple[str, ...] | list[str]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(texts) + " |"


KEY = pytest.StashKey[Recorded]()


class Fault(Protocol):
    """Records one row of the page."""

    def __call__(self, what: str, *, seen: str = "", survives: str, words: str = "") -> None:
        """See the fixture `fault`."""


@pytest.fixture(scope="module")
def section(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the module that proves a section; the page is held against its rows after its last test."""
    recorded = request.config.stash[KEY]
    module = Path(request.node.path).relative_to(ROOT).as_posix()
    recorded.titles[module] = request.module.FAULTS
    yield module
    if not request.config.getoption(REWRITE):
        found = list(recorded.differences(module, PAGE.read_text(encoding="utf-8")))
        assert not found, "\n".join([*found, f"Write it again: {COMMAND}"])


@pytest.fixture
def fault(request: pytest.FixtureRequest, section: str, tmp_path_factory: pytest.TempPathFactory) -> Fault:
    """`fault("A worker is killed by SIGKILL", seen=stderr, survives="the other side's results")`.

    seen: the one or two lines, as the user sees them; where no line says it, `words` do. Call it after the
    assertions, once for each row.
    """
    recorded = request.config.stash[KEY]

    def record(what: str, *, seen: str = "", survives: str, words: str = "") -> None:
        seen = shown(seen, tmp_path_factory.getbasetemp())
        recorded.rows.setdefault(section, []).append(Row(what, seen, survives, words))

    return record


def shown(seen: str, temporary: Path) -> str:
    """Without what differs between machines and runs."""
    seen = re.sub(rf"{re.escape(str(temporary))}/[^/\s:]+", "DIR", seen.strip())
    for place, name in ((sys.executable, "PYTHON"), (str(ROOT), "."), (str(Path(sys.prefix)), "ENVIRONMENT")):
        seen = seen.replace(place, name)
    seen = re.sub(r"\b(pid|process|Use --threads|asked for) \d+", r"\1 N", seen)
    seen = re.sub(r"\bmay use \d+ CPUs?\b", "may use N CPUs", seen)
    return "\n".join(line.strip() for line in seen.splitlines() if line.strip())


def sections(page: str) -> dict[str, str]:
    """Return the page's sections by the test module that proves them."""
    found = {}
    for part in page.split("\n## ")[1:]:
        module = re.search(r"\]\(\.\./(\S+)\)", part)
        assert module, part
        found[module[1]] = "## " + part.strip()
    return found


def written(found: dict[str, str]) -> str:
    """Return the whole page, its sections in order."""
    return "\n\n".join([HEAD.strip(), *(found[module] for module in sorted(found))]) + "\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the page."""
    parser.addoption(REWRITE, action="store_true", help="write docs/faults.md again, from what the tests saw")


def pytest_configure(config: pytest.Config) -> None:
    """Begin a record; note whether only some tests of a module were asked for."""
    config.stash[KEY] = Recorded(partial=any("::" in argument for argument in config.args))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which tests record a row."""
    recorded = config.stash[KEY]
    for item in items:
        if "fault" in getattr(item, "fixturenames", ()):
            module = Path(item.path).relative_to(ROOT).as_posix()
            recorded.wanted.setdefault(module, set()).add(item.nodeid)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that some tests of a module are left out."""
    for item in items:
        item.config.stash[KEY].left_out.add(Path(item.path).relative_to(ROOT).as_posix())


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Note which tests passed."""
    if call.when == "call" and call.excinfo is None:
        item.config.stash[KEY].passed.add(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, if that was asked for."""
    recorded = session.config.stash[KEY]
    if not session.config.getoption(REWRITE) or not recorded.rows:
        return
    found = sections(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    found = {module: section for module, section in found.items() if (ROOT / module).exists()}
    found |= {module: recorded.section(module) for module in recorded.rows if recorded.complete(module)}
    PAGE.write_text(written(found), encoding="utf-8")
