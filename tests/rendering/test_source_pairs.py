"""The code side by side comes from the sources themselves, and the porting guide with it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from compare.rendering import source_pairs
from compare.rendering.concepts import CONCEPTS
from compare.traps.catalogue import TRAPS
from tests.faults.recording import Fault
from tools.porting_guide import guide

FAULTS = "An implementation that is not valid Python"

ROOT = Path(__file__).resolve().parents[2]


def test_the_porting_guide_is_up_to_date() -> None:
    """docs/porting.md is what `python -m tools.porting_guide` prints."""
    assert (ROOT / "docs" / "porting.md").read_text(encoding="utf-8") == guide()


def test_every_excerpt_is_in_its_source() -> None:
    """Each excerpt parses, and each of its lines stands in the file that it names."""
    for pair in source_pairs.pairs():
        for addresses in (pair.concept.tensorflow, pair.concept.pytorch):
            for address in addresses:
                file, name = address.split(":")
                code = source_pairs.definition(file, name)
                ast.parse(code)
                source = {line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()}
                assert {line.strip() for line in code.splitlines()} <= source


def test_each_concept_has_both_sides_a_trap_and_a_rung() -> None:
    """A concept that no rung catches says so."""
    for concept in CONCEPTS:
        assert concept.tensorflow
        assert concept.pytorch
        assert concept.trap
        assert concept.caught.startswith(("Caught by rung", "No rung"))


def test_the_rungs_are_those_that_the_traps_declare() -> None:
    """A trap that the ladder proves is caught where the guide says."""
    declared = {trap.name: trap.rung for trap in TRAPS}
    for concept in CONCEPTS:
        assert {declared[name] for name in concept.traps} <= set(concept.rungs)


def test_a_name_that_is_gone_says_where_to_mend_it() -> None:
    """The file and the name are told."""
    with pytest.raises(source_pairs.SourceMissing, match=r"tf_impl/model\.py has no LeNet\.gone"):
        source_pairs.definition("tf_impl/model.py", "LeNet.gone")


def test_decorators_belong_to_a_definition() -> None:
    """A property is shown as one."""
    code = source_pairs.definition("lenet_spec.py", "LeNetSpec.classes")
    assert code.startswith("@property\ndef classes(self)")


def test_highlighted_code_is_escaped() -> None:
    """Markup in a string or a comment is text."""
    html = source_pairs.highlighted('x = "<script>"  # <b>')
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_file_that_is_no_python_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """The page names it and shows the rest: who broke an implementation still gets the report of it."""
    for file in {
        address.partition(":")[0] for one in CONCEPTS for address in (*one.tensorflow, *one.pytorch)
    }:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((source_pairs.ROOT / file).read_text())
    (tmp_path / "torch_impl" / "train.py").write_text("def broken(:\n")
    monkeypatch.setattr(source_pairs, "ROOT", tmp_path)
    source_pairs.parsed.cache_clear()
    try:
        sides = [side for item in source_pairs.rendered() for side in item["sides"]]
    finally:
        source_pairs.parsed.cache_clear()
    broken = [where for _, _, where, code in sides if not code]
    assert broken
    assert all(where.startswith("torch_impl/") and where.endswith("SyntaxError") for where in broken)
    assert len(broken) < len(sides) / 2
    words = "`SyntaxError` in place of that code"
    fault("A syntax error in an implementation", words=words, survives="the page, with all other code")
