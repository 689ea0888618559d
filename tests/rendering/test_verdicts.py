"""What a report says first."""

from __future__ import annotations

import msgspec

from compare.findings.findings import find
from compare.records.parity import Difference, Rung
from compare.records.results import Results
from compare.rendering import ladder_table, variant_table, verdicts
from tests.rendering import synthetic


def test_failed_parity_comes_first_then_each_kind_of_failure_once() -> None:
    """Ten seeds that failed alike are one line."""
    results = synthetic.results(seeds=4, steps=60)
    failing(results, 7)
    for run in results.runs:
        if run.framework == "torch":
            run.status, run.reason = "failed", "SIGSEGV"
    lines = verdicts.failures([find(results)])
    assert lines[0].startswith("Parity failed: fails at rung 7 of 8, one step")
    assert lines[1:] == ["PyTorch eager, cpu, seeds 0–3: failed: SIGSEGV"]


def failing(results: Results, rung: int) -> None:
    """Put a difference beyond its tolerance on one rung, between both sides."""
    assert results.parity is not None
    [one] = [one for one in results.parity.climbs[0].rungs if one.number == rung]
    one.differences = [msgspec.structs.replace(each, relative=0.5) for each in one.differences]


def test_unequal_work_is_said_only_of_times_that_compare_it() -> None:
    """Not of a third variant's, and of nobody's if nothing was timed."""
    results = synthetic.results(("tf:eager", "tf:graph", "torch:eager"), seeds=3, steps=60)
    failing(results, 4)
    [line] = verdicts.failures([find(results)])
    assert line.endswith(
        "The times of TensorFlow eager, cpu and PyTorch eager, cpu below compare unequal work."
    )
    for run in results.runs:
        if run.label == "torch:eager":
            run.status, run.reason = "failed", "not trained, since parity fails"
    assert "The times of TensorFlow eager, cpu below" in verdicts.failures([find(results)])[0]
    results.runs = [run for run in results.runs if run.label == "torch:eager"]
    assert not any("unequal" in line for line in verdicts.failures([find(results)]))


def test_seeds_are_listed_shortly() -> None:
    """A range is written as one; gaps are not hidden."""
    assert verdicts.seed_list([3]) == "seed 3"
    assert verdicts.seed_list([2, 0, 1]) == "seeds 0–2"
    assert verdicts.seed_list([1, 4, 5]) == "seeds 1, 4, 5"


def test_the_headline_is_across_the_frameworks() -> None:
    """Of many comparisons the top shows TensorFlow against PyTorch, once a metric."""
    found = synthetic.found("tf:eager", "tf:graph", "torch:eager", "torch:tuned", steps=60)
    assert [(c.metric, c.other.entry) for c in verdicts.headline_comparisons(found[0])] == [
        ("step_seconds", "torch:eager"),
        ("test_accuracy", "torch:eager"),
    ]
    assert len(verdicts.headlines(found)) == 2
    assert len(verdicts.others(found)) == len(found[0].comparisons) - 2


def test_each_framework_at_its_fastest_is_named_where_it_is_not_the_headline() -> None:
    """The sentence compares the fastest of each; without another variant there is none."""
    [sentence] = verdicts.fastest(synthetic.found("tf:eager", "tf:graph", "torch:eager", steps=60))
    assert "TensorFlow graph" in sentence
    assert "PyTorch eager" in sentence
    assert verdicts.fastest(synthetic.found(steps=60)) == []


def test_several_devices_are_named_in_each_sentence() -> None:
    """Each sentence begins with its device."""
    headlines = verdicts.headlines(synthetic.found(steps=60, devices=("cpu", "cuda")))
    assert headlines[0].sentence.startswith("cpu: ")
    assert headlines[-1].sentence.startswith("cuda: ")


def test_a_row_keeps_its_place_and_reason_where_every_launch_failed() -> None:
    """Its step time is empty, and its verdict says why."""
    results = synthetic.results(steps=60)
    for run in results.runs:
        if run.framework == "torch":
            run.status, run.reason = "unavailable", "torch is not installed"
    cells = variant_table.rows([find(results)])[1].cells
    assert (cells["verdict"].text, cells["verdict"].note) == ("unavailable", "torch is not installed")
    assert cells["step time"].text == ""
    assert cells["launches"].text == "0 of 3"


def test_a_long_reason_is_shortened_in_the_table() -> None:
    """The first lines of the page give it in full."""
    assert len(variant_table.shortened("x" * 500)) == 90
    assert variant_table.shortened(None) == ""


def test_a_rung_shows_the_difference_nearest_to_its_tolerance() -> None:
    """Not the largest; a rung that was not judged shows none."""
    near = Difference("tf:eager", "oracle", "near", 1.0, 9e-13, 1e-12, passed=True)
    large = Difference("tf:eager", "oracle", "large", 1.0, 1e-9, 1e-2, passed=True)
    rungs = [Rung(4, "activations", "pass", [large, near]), Rung(5, "loss", "not judged")]
    assert ladder_table.rows(rungs) == [
        ["4 activations", "pass", "9.0e-13", "1.0e-12", "near"],
        ["5 loss", "not judged", "", "", ""],
    ]


def test_empty_results_say_nothing_and_break_nothing() -> None:
    """No sentence and no row without a launch."""
    empty = [find(synthetic.rows())]
    assert verdicts.failures(empty) == []
    assert verdicts.headlines(empty) == []
    assert variant_table.rows(empty) == []
