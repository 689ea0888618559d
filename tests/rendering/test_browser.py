"""The page in a real browser: it draws, asks nobody for anything, and fits a phone and a wide screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compare.rendering import page
from compare.rendering.charts import charts
from tests.faults.recording import Fault
from tests.rendering import synthetic
from tests.rendering.browser import BROWSER, DRIVER, MISSING, media, metrics, opened, started
from tests.rendering.test_page import hostile

pytestmark = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason=MISSING)
FAULTS = "A page whose scripts are blocked"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Yield a browser; skip, saying why, if there is none."""
    pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    with started() as driver:
        yield driver


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a report with every kind of chart, on disk."""
    found = synthetic.found(
        *("tf:eager", "tf:graph", "torch:eager", "torch:tuned"),
        seeds=2,
        steps=200,
        devices=("cpu", "cuda"),
        explained=True,
    )
    found = [replace(found[0], warnings=["a warning that says what to do next " * 8])]
    return written(
        page.page(found, charts(found), [page.Link("results.json", "results.json")]), tmp_path_factory
    )


def written(text: str, factory: pytest.TempPathFactory) -> str:
    """Return the address of a page with this text."""
    path: Path = factory.mktemp("page") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_chart_is_drawn_and_fits(browser: Any, address: str, width: int, scheme: str) -> None:
    """Each chart has marks within the page's width; nothing scrolls sideways; the console stays silent."""
    browser.get_log("browser")
    opened(browser, address, width=width, scheme=scheme)
    charts = browser.execute_script(MARKS)
    assert len(charts) == 20
    assert all(marks > 0 for _, marks, _ in charts), charts
    assert all(right <= width for _, _, right in charts), charts
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


MARKS = """
const kinds = ["line path", "rule line", "rect path", "symbol path"];
return [...document.querySelectorAll(".chart")].map((chart) => [
  chart.id,
  chart.querySelectorAll(kinds.map((kind) => "svg .mark-" + kind)).length,
  chart.querySelector("svg").getBoundingClientRect().right,
]);
"""


@pytest.mark.parametrize("width", [360, 1440])
def test_no_word_of_a_chart_stands_on_another(browser: Any, address: str, width: int) -> None:
    """A row's title and figure, the labels of an axis and a legend: each is readable."""
    opened(browser, address, width=width)
    assert browser.execute_script(OVERLAPS) == []


OVERLAPS = """
const found = [];
for (const chart of document.querySelectorAll(".chart")) {
  const boxes = [...chart.querySelectorAll("svg text")]
    .map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([words, box]) => words && box.width > 0);
  boxes.forEach(([one, a], index) => {
    for (const [other, b] of boxes.slice(index + 1)) {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (one !== other && across > 1 && down > 3) found.push([chart.id, one, other]);
    }
  });
}
return found;
"""


def test_no_request_leaves_the_page(browser: Any, address: str) -> None:
    """Of all that the browser loads, only the file itself and what the file holds."""
    browser.get_log("performance")
    opened(browser, address)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert requested - {"data:,"} == {address}


def test_charts_follow_the_colour_scheme_at_once(browser: Any, address: str) -> None:
    """A change of scheme recolours what is drawn, without drawing it again."""
    opened(browser, address)
    colour = "return getComputedStyle(document.querySelector('#ratio svg .mark-symbol path')).fill"
    light = browser.execute_script(colour)
    browser.execute_script("window.same = document.querySelector('#ratio svg')")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media("dark"))
    assert browser.execute_script(colour) != light
    assert browser.execute_script("return window.same === document.querySelector('#ratio svg')")


def test_text_stands_out_from_its_ground(browser: Any, address: str) -> None:
    """4.5:1 for text, 3:1 for the frameworks' colours, on both grounds (WCAG 2.1, 1.4.3 and 1.4.11)."""
    for scheme in ("light", "dark"):
        opened(browser, address, scheme=scheme)
        colours = browser.execute_script(VARIABLES)
        ground = colours.pop("--ground")
        graphic = {"--tf", "--torch"}
        for name, colour in colours.items():
            assert contrast(colour, ground) >= (3 if name in graphic else 4.5), (scheme, name)


VARIABLES = """
const style = getComputedStyle(document.documentElement);
const names = "ground ink muted tf torch tf-text torch-text bad link keyword string comment number name";
const value = (name) => ["--" + name, style.getPropertyValue("--" + name).trim()];
return Object.fromEntries(names.split(" ").map(value));
"""


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two #rrggbb or #rgb colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, from 0 to 1 (WCAG 2)."""
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_table_sorts_by_keyboard(browser: Any, address: str) -> None:
    """Enter on a heading sorts up, once more down; a screen reader hears which."""
    from selenium.webdriver.common.keys import Keys

    opened(browser, address)
    button = browser.find_elements("css selector", "table.sortable thead button")[1]
    seen = []
    for _ in range(2):
        button.send_keys(Keys.ENTER)
        times = browser.execute_script(STEP_TIMES)
        seen.append((browser.execute_script(SORTED), times == sorted(times), times == sorted(times)[::-1]))
    assert seen == [("ascending", True, False), ("descending", False, True)]


STEP_TIMES = """
const rows = [...document.querySelectorAll("table.sortable tbody tr")];
return rows.map((row) => Number(row.cells[1].dataset.key));
"""
SORTED = "return document.querySelectorAll('table.sortable th')[1].getAttribute('aria-sort')"


def test_hostile_text_runs_nothing(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No alert, no element, no console message from HTML in results: it is there to read."""
    browser.get_log("browser")
    opened(browser, written(page.page(hostile(), charts(hostile())), tmp_path_factory))
    assert browser.execute_script("return document.images.length") == 0
    assert "<img src=x onerror=alert(1)>" in browser.find_element("css selector", ".failures").text
    assert browser.get_log("browser") == []


def test_printed_the_charts_stay(browser: Any, address: str) -> None:
    """On paper the page is light, whatever the screen is, and its charts are there."""
    opened(browser, address, scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {**media("dark"), "media": "print"})
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(ground) == "rgb(255, 255, 255)"
    assert all(marks > 0 for _, marks, _ in browser.execute_script(MARKS))


BLOCKED = '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'">'


@pytest.mark.parametrize("width", [360, 1440])
def test_charts_stand_still_where_scripts_are_blocked(
    browser: Any, address: str, width: int, tmp_path_factory: pytest.TempPathFactory, fault: Fault
) -> None:
    """As behind a server whose policy allows its own scripts only: the pictures are in the page."""
    text = Path(address.removeprefix("file://")).read_text(encoding="utf-8")
    still = written(text.replace("<head>", f"<head>{BLOCKED}", 1), tmp_path_factory)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(width))
    browser.get(still)
    assert browser.execute_script("return document.documentElement.dataset.charts === undefined")
    charts = browser.execute_script(MARKS)
    assert len(charts) == 20
    assert all(marks > 0 for _, marks, _ in charts), charts
    assert all(right <= width for _, _, right in charts), charts
    browser.get_log("browser")
    what = f"A policy that blocks the page's scripts (`script-src 'self'`), {width} pixels wide"
    fault(what, words="every chart as a still picture", survives="the page")
