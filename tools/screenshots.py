"""`python -m tools.screenshots`: takes pictures of the example report's first screen, for the README.

Writes docs/example/report-light.png and report-dark.png: the page's top, to the end of the first table.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

from compare.records.files import write_atomically
from tests.rendering.browser import BROWSER, DRIVER, MISSING, opened, started
from tools.docs import EXAMPLE

WIDTH = 1240
FIRST_SCREEN = """
const table = document.querySelector("table.sortable");
return table.getBoundingClientRect().bottom + window.scrollY;
"""


def main() -> int:
    """Take a screenshot of the report in both colour schemes, if a browser is installed."""
    if BROWSER is None or DRIVER is None:
        print(f"The screenshots stay as they were: {MISSING}", file=sys.stderr)
        return 0
    with started() as browser:
        for scheme in ("light", "dark"):
            picture = screenshot(browser, scheme)
            write_atomically(EXAMPLE / f"report-{scheme}.png", picture)
    return 0


def screenshot(browser: Any, scheme: str) -> bytes:
    """Return a PNG of the page's first screen."""
    opened(browser, (EXAMPLE / "report.html").as_uri(), width=WIDTH, scheme=scheme)
    height = browser.execute_script(FIRST_SCREEN)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height + 24, "scale": 1}
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
    )
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    sys.exit(main())
