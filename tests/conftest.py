"""What all tests share: how many examples hypothesis draws, and what is skipped without a card."""

import os

import pytest
from hypothesis import settings

from compare.cuda.driver import LIBRARY, read

pytest_plugins = ["tests.faults.recording"]

# The normal run draws the same examples each time; `make fuzz` draws new ones.
settings.register_profile("normal", max_examples=300, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `cuda` step aside, visibly, where there is no NVIDIA card."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    reason = why_no_card() if marked else None
    for item in marked if reason else []:
        item.add_marker(pytest.mark.skip(reason=f"needs an NVIDIA card: {reason}"))


def why_no_card() -> str | None:
    driver = read()
    if not driver.present:
        return f"{LIBRARY}, the driver, does not load"
    return None if driver.devices else f"the driver finds none (cuInit: {driver.status})"
