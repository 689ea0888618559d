"""Which versions are refused, which come with a caution, and that one range is stated everywhere."""

import re
import tomllib
from pathlib import Path

import pytest

from compare.supported import SUPPORTED, unsupported, untested

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("package", "version", "fits"),
    [
        ("tensorflow", "2.18.0", True), ("tensorflow", "2.21.0rc1", True), ("tensorflow", "2.99", True),
        ("tensorflow", "2.17.1", False), ("tensorflow", "2.9.3", False), ("tensorflow", "3.0.0", False),
        ("tensorflow", "1.4.0", False), ("torch", "2.14.1+cu130", True), ("torch", "2.3.1", False),
        ("torch", "unknown", False), ("torch", "", False),
    ],
)  # fmt: skip
def test_a_version_fits_or_is_told_with_what_to_install(package: str, version: str, fits: bool) -> None:
    """By major and minor number, as numbers: 2.9 is older than 2.18."""
    reason = unsupported(package, version)
    assert (reason is None) == fits
    if reason:
        assert f"{package} {version}" in reason
        assert 'Install "' in reason


def test_another_version_than_the_tested_is_a_caution() -> None:
    """Patch releases and builds are not told apart."""
    assert untested("torch", "2.14.9+cpu") is None
    assert "2.21" in (untested("tensorflow", "2.19.0") or "")


@pytest.mark.parametrize("package", SUPPORTED)
def test_the_range_is_the_one_that_is_installed_and_tested(package: str) -> None:
    """pyproject.toml and constraints.txt say the same."""
    wanted = SUPPORTED[package]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = f"{package}>={wanted.oldest[0]}.{wanted.oldest[1]},<{wanted.below}"
    assert stated in [one for extra in project["optional-dependencies"].values() for one in extra]
    pinned = re.search(rf"^{package}==(\d+)\.(\d+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    assert (int(pinned[1]), int(pinned[2])) == wanted.tested
