"""README and docs say what the committed results say, and their links lead somewhere."""

import dataclasses
import re
from pathlib import Path

import pytest

from compare.config import RunConfig, option_as_typed
from compare.findings.cautions import MOST_MOVED
from compare.findings.findings import find
from compare.findings.job import HEAD_STEPS
from compare.ladder import gate
from compare.ladder.tolerances import FLOAT32, SHARE_OF_AN_IMAGE
from compare.records.calibration import read as read_calibration
from compare.records.foreign import read_results
from compare.records.traps import read as read_traps
from compare.rendering import markdown
from compare.task import training
from compare.task.closeness import STEPS
from tools import docs, option_tables
from tools.parity_docs import refreshed

PAGES = [docs.ROOT / "README.md", *sorted((docs.ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", docs.PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_committed_results(page: Path) -> None:
    """Run `make docs` where this fails."""
    assert refreshed(page.read_text(), docs.sections()) == page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    """No link to a file that is not there; code is no link."""
    words = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", words):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_number_of_traps_is_that_of_the_committed_result() -> None:
    """README and CHANGELOG name it within a sentence."""
    count = len(read_traps(docs.RESULTS / "traps.json").trials)
    assert f"{count} real porting mistakes" in (docs.ROOT / "README.md").read_text()
    assert f"shows {count} porting mistakes" in (docs.ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("methods", f"moves a ratio by more than {MOST_MOVED * 100:g} %"),
        ("job", f"The first {HEAD_STEPS} steps are left out"),
        ("parity", f"in float64 over {gate.STEPS} steps"),
        ("parity", f"at most {gate.TRAINING_BATCH} images"),
        ("any_network", f"gradients may differ by {FLOAT32['gradients'].value * 100:g} %"),
        ("any_network", f"changes by more than {training.DECIDED * 100:g} %"),
    ],
)
def test_a_page_names_a_threshold_as_the_code_has_it(page: str, words: str) -> None:
    """A number in a sentence changes with the constant that it names."""
    assert words in " ".join((docs.ROOT / "docs" / f"{page}.md").read_text().split())


def test_the_page_names_the_limits_of_a_float32_proof() -> None:
    """One and a half examples' share, and half, are written as words."""
    assert (SHARE_OF_AN_IMAGE, STEPS["float32"].most) == (1.5, 0.5)


def test_the_readmes_run_is_the_default_run() -> None:
    """What README shows comes of `make compare` without options."""
    results = read_results(docs.RESULTS / "run.json")
    default = RunConfig()
    for option in ("device", "variants", "steps", "batch_size", "seeds", "first_seed", "dtype", "allocator"):
        assert getattr(results.config, option) == option_as_typed(getattr(default, option)), option


def test_the_default_run_learns_as_promised() -> None:
    """Every seed of both frameworks passes 98.7 %, first losses agree, digests are equal."""
    results = read_results(docs.RESULTS / "run.json")
    assert len(results.runs) == 6
    for run in results.runs:
        assert run.status == "ok"
        assert (run.test_accuracy or 0) >= 0.987
    for seed in range(3):
        tf, torch = (run for run in results.runs if run.seed == seed)
        assert tf.losses[0] == pytest.approx(torch.losses[0], abs=1e-6)
        assert tf.batches_sha256 == torch.batches_sha256


def test_the_example_report_is_of_the_committed_results() -> None:
    """docs/example was rendered from docs/results/variants.json."""
    results = read_results(docs.RESULTS / "variants.json")
    text = (docs.EXAMPLE / "report.md").read_text()
    without_pictures = markdown.report([find(results)])
    assert without_pictures.splitlines()[:8] == text.splitlines()[:8]


def test_the_calibration_clears_its_bar() -> None:
    """At least 19 of 20 self-comparisons say no difference, and the slowdown is found."""
    assert read_calibration(docs.RESULTS / "calibration.json").passed


def test_every_option_has_a_row_with_its_words() -> None:
    """docs/options.md names each field of each command's dataclass, as `--help` does."""
    page = (docs.ROOT / "docs" / "options.md").read_text()
    for config in option_tables.CONFIGS.values():
        words = option_tables.field_docstrings(config)
        assert set(words) == {field.name for field in dataclasses.fields(config)}
        assert all(markdown.escape(sentence) in page for sentence in words.values())


def test_an_option_without_words_is_an_error() -> None:
    """A field that nobody described does not become an empty row."""

    @dataclasses.dataclass
    class Silent:
        steps: int = 1
        """said"""
        seeds: int = 1

    with pytest.raises(KeyError, match="seeds"):
        option_tables.option_table(Silent)
