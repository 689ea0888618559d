"""Reasons to trust a figure less: what of the machine reaches them, and what does not."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from compare.findings.cautions import costly_fences, foreign_load, notes, throttled
from compare.findings.findings import find
from compare.records.environment import Environment
from compare.records.results import Launch, Results
from tests.rendering import synthetic


def results(run: dict[str, Any], **environment: Any) -> Results:
    """One launch of four timed seconds."""
    launch = Launch(
        "tf", "eager", "cpu", "float32", 0, "tf:eager", status="ok", step_seconds=[1.0] * 4, **run
    )
    found = synthetic.rows(launch)
    found.environment = Environment(**environment)
    return found


@pytest.mark.parametrize(
    ("seconds", "environment", "share"),
    [
        ([0.0, 0.32], {"cpus_allowed": 1, "cpus_total": 8}, "8 %"),  # of its only CPU
        ([0.0, 0.32], {"cpus_allowed": 2, "cpus_total": 8}, "8 %"),
        ([0.0, 0.16], {"cpus_allowed": 1, "cpus_total": 8}, None),
        ([0.0, 3.2], {"cpus_total": 8}, "10 %"),  # an older file: seconds on every CPU
        ([], {"cpus_allowed": 1}, None),  # unknown
        ([0.0], {"cpus_allowed": 1}, None),
    ],
)
def test_the_load_is_a_share_of_the_cpus_that_the_run_may_use(
    seconds: list[float], environment: dict[str, Any], share: str | None
) -> None:
    """One CPU's load counts eight times as much in a run that has one than in one that has eight."""
    if environment.get("cpus_allowed") == 2:
        seconds = [2 * one for one in seconds]
    found = list(foreign_load(results({"foreign_cpu_seconds": seconds}, **environment)))
    assert [f"Other programs used {share} of the CPUs" in one for one in found] == ([True] if share else [])


@pytest.mark.parametrize(("periods", "waited", "said"), [(651, 394, True), (651, 6, False), (0, 0, False)])
def test_a_quota_that_held_the_workers_back_is_a_caution(periods: int, waited: int, said: bool) -> None:
    """With the quota, how often, and what to raise; not for a single period out of hundreds."""
    run = {"quota_periods": periods, "throttled_periods": waited}
    found = list(throttled(results(run, cpu_quota=0.6)))
    assert bool(found) == said
    if said:
        assert "quota of 0.6 CPUs delayed the workers in 394 of 651 periods" in found[0]
    assert not found or "quota delayed" in next(iter(throttled(results(run))))


def test_a_note_of_several_launches_is_one_caution() -> None:
    """Six launches that lack the same explanation do not hide what else is wrong."""
    found = results({"notes": ["no seed was set"]})
    found.runs = [*found.runs, *results({"notes": ["no seed was set"]}).runs]
    assert list(notes(found.runs)) == [
        "TensorFlow eager, cpu, 2 launches: part of the explanation is missing: no seed was set"
    ]


@pytest.mark.parametrize(
    ("fence_seconds", "said"), [(0.02, "2.0 % of each step"), (0.005, None), (None, None)]
)
def test_a_fence_that_is_a_part_of_the_step_is_warned_about(
    fence_seconds: float | None, said: str | None
) -> None:
    """Steps take a second; above 1 % of it the harness is measured too."""
    found = list(costly_fences(results({"fence_seconds": fence_seconds})))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def paired(torch_seconds: list[float]) -> Results:
    """Three launches of each framework; TensorFlow's steps take a second."""
    found = results({})
    sides: list[tuple[Literal["tf", "torch"], list[float]]] = [("tf", [1.0] * 60), ("torch", torch_seconds)]
    found.runs = [
        Launch(name, "eager", "cpu", "float32", seed, f"{name}:eager", status="ok", step_seconds=seconds)
        for seed in range(3)
        for name, seconds in sides
    ]
    return found


def test_the_first_warning_of_the_machine_tells_what_it_does_to_the_verdict() -> None:
    """PyTorch's steps were disturbed for two thirds of the time; the others show which is faster."""
    first, *others = find(paired([0.5] * 20 + [2.0] * 40)).warnings
    assert "PyTorch eager ÷ TensorFlow eager is 0.50× [0.50, 0.50] instead of 2.00× [2.00, 2.00]" in first
    assert first.endswith("the verdict becomes: 2.00× as fast.")
    assert others
    assert not any("quickest quarter" in one for one in others)


@pytest.mark.parametrize(("slow", "warned"), [(1.04, False), (1.2, True)])
def test_steps_that_vary_are_a_warning_only_if_a_ratio_moves(slow: float, warned: bool) -> None:
    """The middle half of the steps is wide in both cases; the median, which the verdict rests on, is not."""
    steps = [1.0] * 15 + [slow] * 29 + [1.5] * 16
    assert [one for one in find(paired(steps)).warnings if "middle half" in one] == [] or warned
    assert bool(find(paired(steps)).warnings) == warned
