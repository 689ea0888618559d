"""A headless Chromium that opens a page at a width and in a colour scheme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.known import known

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = "no Chromium with its driver: apt-get install chromium-driver"
DRAWN_WITHIN_SECONDS = 30
SWITCHES = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")


@contextmanager
def started() -> Iterator[Any]:
    """Yield a Selenium driver that logs the console and every request. BROWSER and DRIVER must be there."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = known(BROWSER)
    for switch in SWITCHES:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def opened(browser: Any, address: str, *, width: int = 1440, scheme: str = "light") -> None:
    """Open a page and wait until its charts are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(width))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media(scheme))
    browser.get(address)
    WebDriverWait(browser, DRAWN_WITHIN_SECONDS, poll_frequency=0.05).until(
        lambda driver: driver.execute_script("return document.documentElement.dataset.charts === 'drawn'")
    )


def metrics(width: int) -> dict[str, Any]:
    """Return a screen of that width; a narrow one is a phone's."""
    return {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}


def media(scheme: str) -> dict[str, Any]:
    """Return the browser's setting for a colour scheme."""
    return {"media": "screen", "features": [{"name": "prefers-color-scheme", "value": scheme}]}
