"""report.html and report.md: complete, self-contained, and safe with any text in the results."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from compare.findings.findings import Findings, find
from compare.rendering import facts, markdown, page, side_by_side, variant_table, verdicts
from compare.rendering.charts import charts
from compare.rendering.groups import groups
from compare.rendering.repeat import command
from compare.statistics.verdicts import SMALLEST_DIFFERENCE
from tests.rendering import synthetic

HOSTILE = "</script><img src=x onerror=alert(1)> **bold** [a](b) `c` | d\n# e & <!-- \u2028"


class Tags(HTMLParser):
    """Every tag and attribute of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def hostile() -> list[Findings]:
    """Results with HTML and Markdown wherever a worker, a user or a machine supplies text."""
    results = synthetic.results(steps=60, explained=True)
    results.environment.cpu = results.environment.kernel = HOSTILE
    results.config.allocator = results.config.data.source = results.config.data.sha256 = HOSTILE
    results.config.data.doubts = [HOSTILE]
    assert results.parity is not None
    [failing] = [rung for rung in results.parity.climbs[0].rungs if rung.number == 4]
    failing.name, failing.differences[0].passed = HOSTILE, False
    failing.differences[0].tensor = failing.differences[0].left = HOSTILE
    for run in results.runs:
        run.device_name, run.versions = HOSTILE, {"torch": HOSTILE}
        if run.framework == "torch":
            run.device = HOSTILE
    results.runs[0].status, results.runs[0].reason = "failed", HOSTILE
    return [find(results)]


def rendered(found: list[Findings], files: Sequence[page.Link] = ()) -> str:
    """Return the page of one run, with its charts."""
    return page.page(found, charts(found), files)


def test_hostile_text_is_shown_as_text_in_the_page() -> None:
    """No element, attribute or script comes of it."""
    text = rendered(hostile(), [page.Link(HOSTILE, "results.json")])
    tags = Tags(text)
    assert "img" not in {tag for tag, _ in tags.tags}
    assert not any(name.startswith("on") for _, attributes in tags.tags for name in attributes)
    assert sum(tag == "script" for tag, _ in tags.tags) == 3
    assert html.escape("</script><img src=x onerror=alert(1)>", quote=False) in text


def test_hostile_text_is_shown_as_text_in_markdown() -> None:
    """No markup comes of it, and no cell of a table."""
    found = hostile()
    written = markdown.report(found, charts(found))
    prose = re.sub(r"\\.", "", written)  # without what a backslash makes text
    assert "<" not in prose
    assert "**bold" not in prose
    assert "](b)" not in prose
    assert "`" not in prose
    assert "\n# e" not in written
    assert all(
        line.count("|") - line.count("\\|") in (0, 3, 6) or "tutorial" in written
        for line in prose.split("\n")
    )


def test_markdown_starts_no_list_or_heading_from_a_text() -> None:
    """A true minus and a dash within a text stay as they are."""
    assert markdown.escape("1. x") == "1\\. x"
    assert markdown.escape("- x") == "\\- x"
    assert markdown.escape("−0.06 - 2") == "−0.06 - 2"
    assert markdown.escape("a\n\n# b") == "a \\# b"


def test_nothing_is_fetched() -> None:
    """No attribute leads out of the page, and the browser is told to allow no request."""
    tags = Tags(rendered(synthetic.found(steps=60), [page.Link("results.json", "results.json")]))
    for tag, attributes in tags.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name) or ""
            assert not re.match(r"(https?:)?//", value), (tag, value)
    [policy] = [a["content"] for t, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy


def test_the_page_can_be_read_without_seeing_it() -> None:
    """A language, a skip link, a heading order without gaps, captions, and a text for each chart."""
    tags = Tags(rendered(synthetic.found(steps=60, explained=True)))
    assert ("html", {"lang": "en"}) in tags.tags
    ids = {attributes["id"] for _, attributes in tags.tags if attributes.get("id")}
    assert {"main", "table", "charts", "code", "method"} <= ids
    levels = [int(tag[1]) for tag, _ in tags.tags if re.fullmatch("h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    named = [tag for tag, _ in tags.tags if tag in ("table", "caption")]
    assert named.count("table") == named.count("caption")
    drawn = [attributes for _, attributes in tags.tags if attributes.get("role") == "img"]
    assert drawn
    assert all({a["aria-labelledby"], a["aria-describedby"]} <= ids for a in drawn)


def test_ids_are_given_once() -> None:
    """Each element's id names that element alone."""
    tags = Tags(rendered(synthetic.found(steps=60, devices=("cpu", "cuda"), explained=True)))
    ids = [attributes["id"] for _, attributes in tags.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_page_and_markdown_say_the_same() -> None:
    """Each comparison's sentence stands in both."""
    found = synthetic.found(steps=60)
    text, written = html.unescape(rendered(found)), markdown.report(found)
    for compared in found[0].comparisons:
        assert compared.verdict.sentence in text
        assert markdown.escape(compared.verdict.sentence) in written


def test_empty_results_make_a_page() -> None:
    """A run that was cut off before its first launch still has a report, without charts or their library."""
    text = rendered([find(synthetic.rows())])
    assert len(text) < 200_000
    assert "Parity was not checked" in text
    assert markdown.report([find(synthetic.rows())]).startswith("# LeNet")


def test_ten_seeds_of_all_variants_stay_under_five_megabytes() -> None:
    """A page that holds its library and every curve can still be sent."""
    found = synthetic.found(*synthetic.VARIANTS, seeds=10, explained=True)
    assert len(rendered(found).encode()) < 5_000_000


def test_two_runs_on_one_page() -> None:
    """Rows say whose they are, conditions that differ are marked, and B ÷ A comes with an interval."""
    one, two = synthetic.results(steps=60), synthetic.results(seeds=2, steps=60)
    two.environment.cpu = "Another CPU"
    found = synthetic.two(one, two)
    assert [group.title for group in groups(found)] == [
        f"{name} eager ({run})" for run in "AB" for name in ("TensorFlow", "PyTorch")
    ]
    assert facts.all_conditions(found).startswith("A: 3 seeds × 60 steps × batch 128 · cpu")
    differing = {one.name for one in side_by_side.conditions(found) if one.differs}
    assert differing == {"seeds, steps", "processor"}
    rows = [row.cells() for row in side_by_side.beside(found)]
    assert [row[0] for row in rows] == ["TensorFlow eager, cpu", "PyTorch eager, cpu"]
    assert all(re.fullmatch(r"[\d.]+× \[[\d.]+, [\d.]+\]", row[3]) for row in rows)
    assert verdicts.headlines(found)[2].sentence.startswith("B: ")


def test_each_of_two_runs_is_counted_by_its_own_batch_size() -> None:
    """Images a second of half the batch in the same time are half as many."""
    one, two = synthetic.results(steps=60), synthetic.results(steps=60)
    two.config.batch_size = 64
    rates = [row.cells["images/s"].key for row in variant_table.rows(synthetic.two(one, two))]
    assert rates[0] == pytest.approx(2 * float(rates[2] or 0))


def test_two_runs_share_the_charts_of_a_device_and_keep_their_curves_apart() -> None:
    """Step times stand beside each other; losses of two runs are not drawn as if of one."""
    found = synthetic.two(synthetic.results(steps=60), synthetic.results(steps=60))
    names = [chart.name for chart in charts(found)]
    assert names.count("step-time-cpu") == 1
    assert {"loss-log-cpu-a", "loss-log-cpu-b"} <= set(names)


def test_two_runs_say_whether_their_losses_are_the_same() -> None:
    """To the last bit; else from which step on, by how much, and what can have done it."""
    one, two = synthetic.results(steps=60), synthetic.results(steps=60)
    one.environment.cpu = two.environment.cpu = "AMD EPYC 7763"

    def compared() -> tuple[list[str], str]:
        found = synthetic.two(one, two)
        rows = side_by_side.beside(found)
        reason = side_by_side.why_losses_differ(rows, side_by_side.conditions(found))
        return [row.cells()[-1] for row in rows], reason

    assert compared() == (["identical over 60 steps, 3 seeds"] * 2, "")
    two.runs[0].losses[41] += 2e-7
    cells, reason = compared()
    assert cells[0] == "differ from step 41 on, by at most 2.0e-07"
    assert cells[1].startswith("identical")
    assert "--deterministic" in reason
    two.environment.cpu = "Another CPU"
    assert compared()[1].endswith("be the cause: processor.")


def test_the_parity_of_each_of_two_runs_is_said() -> None:
    """One holds, one fails, one was not checked: each under its run's name."""
    one, two = synthetic.results(steps=60), synthetic.results(steps=60)
    assert two.parity is not None
    two.parity.climbs[0].rungs[6].differences[0].passed = False
    found = synthetic.two(one, two)
    assert [line[0] for line in verdicts.parity_lines(found)] == ["Parity holds in A:"]
    assert verdicts.failures(found)[0].startswith("Parity failed in B: fails at rung 7 of 8")
    one.parity = None
    lines = verdicts.parity_lines(synthetic.two(one, two))
    assert [line[0] for line in lines] == ["Parity was not checked in A."]


def test_a_run_without_warnings_says_what_was_watched() -> None:
    """Silence could also mean that nothing was looked at; a run with a warning does not say it."""
    made = synthetic.results(steps=100)
    for run in made.runs:
        run.foreign_cpu_seconds = [0.0, 0.0]
    made.environment.cpu_mhz = []
    found = [find(made)]
    assert found[0].warnings == []
    assert verdicts.checks(found)[1] == (
        "No warning:",
        "drift and spread of the steps and other programs put no figure in doubt.",
    )
    made.environment.cpu_mhz = [None, 2000.0]
    assert verdicts.checks([find(made)])[1][1].startswith(
        "drift and spread of the steps, other programs and the processor's clock put"
    )
    for run in made.runs:
        run.foreign_cpu_seconds = []
    made.environment.cpu_mhz = []
    assert verdicts.checks([find(made)])[1][1] == "drift and spread of the steps put no figure in doubt."
    for run in made.runs:
        run.notes = ["the explanation is missing"]
    assert len(verdicts.checks([find(made)])) == 1


def test_the_page_says_when_a_verdict_is_given() -> None:
    """Its thresholds are those that decided. Below stands the command that repeats the run."""
    made = synthetic.results(steps=60)
    text = page.page([find(made)], [])
    assert f"<code>{command(made.config)}</code>" in text
    for name, when in verdicts.rules():
        assert f"<dt>{name}</dt><dd>{when}</dd>" in text
    assert f"below {SMALLEST_DIFFERENCE:.0%}".replace("%", " %") in verdicts.rules()[1][1]


def test_the_step_time_has_the_range_of_its_launches() -> None:
    """Only on the page: the terminal and Markdown have no room. Equal launches have no range."""
    made = synthetic.results(steps=60)
    for place, run in enumerate(made.runs):
        run.step_seconds = [0.03 + 0.001 * place] * 60
    found = [find(made)]
    assert variant_table.rows(found)[0].cells["step time"].range == "30.0–34.0 ms"
    assert variant_table.summary(found)[1][0][1:3].count("32.0 ms") == 1
    assert "<small>30.0–34.0 ms</small>" in page.page(found, [])
    assert variant_table.spread([0.0009, 0.0011]) == "900 µs–1.10 ms"
    for run in made.runs:
        run.step_seconds = [0.03] * 60
    assert variant_table.rows([find(made)])[0].cells["step time"].range == ""


@pytest.mark.parametrize("text", ["</script>", "<!--", "&amp;"])
def test_no_text_ends_the_script_that_holds_the_charts(text: str) -> None:
    """None of the characters that HTML could read is left in the JSON."""
    encoded = str(page.json_for_script({"title": text}))
    assert not set("<>&") & set(encoded)


def test_a_text_is_made_once_and_kept_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time where there is no virtual environment, or none that can be written."""
    made = iter(["one", "two", "three", "four"])
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert [page.kept("a.js", lambda: next(made)) for _ in range(2)] == ["one", "one"]
    (tmp_path / "file").touch()
    monkeypatch.setattr("sys.prefix", str(tmp_path / "file"))
    assert [page.kept("a.js", lambda: next(made)) for _ in range(2)] == ["two", "three"]
    monkeypatch.setattr("sys.prefix", sys.base_prefix)
    assert page.kept("a.js", lambda: next(made)) == "four"
