"""The card's facts through NVML, on a stand-in: absent rather than 0, and cautions where they matter."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compare.config import RunConfig
from compare.errors import UserError
from compare.experiment import card as experiment_card
from compare.experiment import experiment
from compare.experiment.card import CardWatch, watch
from compare.experiment.experiment import Experiment
from compare.experiment.resume import check_card
from compare.findings.card_cautions import card_cautions, slowed
from compare.records.environment import Card
from compare.records.foreign import read_results
from compare.records.parity import Gate
from compare.records.results import Launch
from compare.rendering import facts, report_files
from tests.commands import wait_until
from tests.rendering import synthetic


class NVMLError(Exception):
    """As pynvml raises it."""


class NVML:
    """pynvml's functions on one card. What is set to None is not supported, as on many consumer cards."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1

    def __init__(self, **changes: Any) -> None:
        self.facts: dict[str, Any] = {
            "Name": "Stand-in card",
            "Driver": "580.65.06",
            "MemoryInfo": SimpleNamespace(total=80 << 30, used=1 << 30),
            "ComputeRunningProcesses": [],
            "EnforcedPowerLimit": 700_000,
            "PowerUsage": 120_000,
            "UtilizationRates": SimpleNamespace(gpu=0),
            "MaxClockInfo": 1980,
            "ClockInfo": 1755,
            "Temperature": 41,
            "CurrentClocksEventReasons": 0,
            "ViolationStatus": SimpleNamespace(violationTime=0),
        } | changes
        self.asked_for: Any = None

    def nvmlInit(self) -> None:
        if "init_error" in self.facts:
            raise NVMLError(self.facts["init_error"])

    def nvmlSystemGetDriverVersion(self) -> str:
        return str(self.facts["Driver"])

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self.asked_for = index
        return "handle"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.asked_for = uuid
        return "handle"

    def __getattr__(self, name: str) -> Any:
        fact = self.facts[name.removeprefix("nvmlDeviceGet")]

        def function(*_: object) -> object:
            if fact is None:
                raise NVMLError("Not Supported")
            return fact

        return function


def cautions(record: Card, **runtime: Any) -> list[str]:
    """Return the cautions about a run on a card of which this was recorded."""
    run = Launch("torch", "eager", "cuda", "float32", 0, "torch:eager", step_seconds=[0.01], runtime=runtime)
    results = synthetic.rows(run)
    results.environment.card = record
    return list(card_cautions(results))


def watched(before: NVML, during: NVML | None = None) -> Card:
    """Return the record of a run: what was so before it, and what was so from its first step on."""
    card = CardWatch("0", before)
    card.nvml = during or before
    card.sample()
    card.finish()
    return card.record


def test_a_quiet_card_is_recorded_and_not_warned_about() -> None:
    """Name, driver, limit and clocks, before and after, with their units."""
    record = watched(NVML())
    for moment in (record.before, record.after):
        assert moment is not None
        assert moment.name == "Stand-in card"
        assert moment.driver == "580.65.06"
        assert moment.power_limit_watts == 700
        assert moment.sm_mhz == 1755
    assert record.samples[0].celsius == 41
    assert cautions(record) == []


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ("MemoryInfo", "memory_used_bytes"),
        ("PowerUsage", "power_watts"),
        ("EnforcedPowerLimit", "power_limit_watts"),
        ("ComputeRunningProcesses", "other_processes"),
        ("CurrentClocksEventReasons", "slowed_by"),
        ("UtilizationRates", "utilization_percent"),
    ],
)
def test_what_the_card_does_not_tell_is_none(fact: str, name: str) -> None:
    """Not 0, which would be a measurement."""
    record = watched(NVML(**{fact: None}))
    assert getattr(record.before, name) is None
    assert cautions(record) == []


def test_unsupported_counters_are_none() -> None:
    """Seconds held down by power or heat are unknown then, and no caution comes of that."""
    record = watched(NVML(ViolationStatus=None))
    assert record.before is not None
    assert record.before.slowed_seconds == {"power": None, "heat": None}


def test_without_nvml_the_reason_is_recorded() -> None:
    """No driver, or no library: `absent` says which, and nothing else is claimed."""
    record = watched(NVML(init_error="NVML Shared Library Not Found"))
    assert record == Card(absent="NVML says: NVML Shared Library Not Found")
    assert cautions(record) == []


@pytest.mark.parametrize("missing", ["nvmlDeviceGetCurrentClocksEventReasons", "NVML_PERF_POLICY_POWER"])
def test_an_old_library_ends_no_run(missing: str) -> None:
    """What it lacks is unknown, and the rest is recorded."""

    class Old(NVML):
        def __getattribute__(self, name: str) -> Any:
            if name == missing:
                raise AttributeError(name)
            return super().__getattribute__(name)

        def __getattr__(self, name: str) -> Any:
            if name == missing:
                raise AttributeError(name)
            return super().__getattr__(name)

    record = watched(Old())
    assert record.before is not None
    assert record.before.name == "Stand-in card"
    assert None in (record.before.slowed_by, record.before.slowed_seconds["power"])


def test_whatever_nvml_raises_at_first_is_the_reason() -> None:
    """A function that is missing, too."""

    class Broken(NVML):
        def nvmlInit(self) -> None:
            raise AttributeError("nvmlInit")

    assert watched(Broken()) == Card(absent="NVML says: nvmlInit")


def test_without_the_python_library_the_reason_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-ml-py is optional, and its absence is told with what to do."""
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    card = CardWatch("0")
    assert "pip install nvidia-ml-py" in (card.record.absent or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ComputeRunningProcesses": [object()]}, "1 other program used the card"),
        ({"ComputeRunningProcesses": [object(), object()]}, "2 other programs used the card"),
        ({"UtilizationRates": SimpleNamespace(gpu=60)}, "busy 60 % of the time"),
    ],
)
def test_others_on_the_card_are_warned_about(changes: dict[str, Any], said: str) -> None:
    """Seen before the first worker or after the last, so they cannot be our own."""
    assert [said in caution for caution in cautions(watched(NVML(**changes)))] == [True]
    if "ComputeRunningProcesses" in changes:
        assert said in cautions(watched(NVML(), NVML(**changes)))[0]


@pytest.mark.parametrize(
    ("during", "said"),
    [
        ({"ViolationStatus": SimpleNamespace(violationTime=2_500_000_000)}, "limited by power (for 2.5 s)"),
        ({"CurrentClocksEventReasons": 0x44}, "limited by the power limit and heat (hardware)"),
    ],
)
def test_a_clock_that_was_held_down_is_warned_about(during: dict[str, Any], said: str) -> None:
    """By the driver's own count of it, or as seen between blocks."""
    found = cautions(watched(NVML(), NVML(**during)))
    assert len(found) == 1
    assert said in found[0]


def test_a_counter_that_moved_by_a_nanosecond_is_no_slowdown() -> None:
    """It moves on every card; a second of a run of 200 seconds is one in two hundred."""
    assert cautions(watched(NVML(), NVML(ViolationStatus=SimpleNamespace(violationTime=1)))) == []
    counted = watched(NVML(), NVML(ViolationStatus=SimpleNamespace(violationTime=1_000_000_000)))
    assert list(slowed(counted, step_seconds=200.0)) == []
    assert "power (for 1.0 s)" in next(iter(slowed(counted, step_seconds=50.0)))


def test_an_idle_cards_low_clock_is_no_slowdown() -> None:
    """Bit 1 is idleness, bit 2 a clock that somebody fixed: both are as they should be."""
    assert cautions(watched(NVML(CurrentClocksEventReasons=0x03))) == []
    assert cautions(watched(NVML(CurrentClocksEventReasons=0x05))) == []


def test_rounding_to_tf32_that_nobody_asked_for_is_warned_about() -> None:
    """Read back by computing, and held against what the run was set to."""
    computed = {"products": True, "convolutions": False}
    record = watched(NVML())
    assert "rounded its products to TF32" in cautions(record, tf32=False, tf32_computed=computed)[0]
    assert cautions(record, tf32=True, tf32_computed=computed) == []


@pytest.mark.parametrize(
    ("visible", "asked"),
    [("0", 0), ("3", 3), ("2,0", 2), ("GPU-8e1f", "GPU-8e1f"), ("MIG-77,MIG-78", "MIG-77")],
)
def test_the_card_watched_is_the_one_that_workers_see(visible: str, asked: Any) -> None:
    """The first that CUDA_VISIBLE_DEVICES names, by number or UUID."""
    nvml = NVML()
    CardWatch(visible, nvml)
    assert nvml.asked_for == asked


def test_a_run_on_the_cpu_asks_nothing_of_a_card() -> None:
    """Nor is one named in its results."""
    assert watch(("cpu",), {}) is None


def test_a_runs_results_hold_the_cards_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, while workers train, and after; the report names driver and limit."""
    nvml = CardWatch("0", NVML())

    def training(*_: Any, **__: Any) -> list[Launch]:
        wait_until(lambda: len(nvml.record.samples) > 1)
        return []

    parity = Gate(passed=True, summary="not climbed")
    monkeypatch.setattr(experiment, "watch", lambda *_: nvml)
    monkeypatch.setattr(experiment_card, "SAMPLE_SECONDS", 0.01)
    monkeypatch.setattr(experiment, "gate", lambda *_, **__: parity)
    monkeypatch.setattr(experiment, "train_seed", training)
    monkeypatch.setattr(report_files, "render", lambda *_: None)
    Experiment.prepare(dataclasses.replace(RunConfig(), seeds=1, out=tmp_path / "run")).execute()
    results = read_results(tmp_path / "run")
    card = results.environment.card
    assert card is not None
    assert {moment and moment.name for moment in (card.before, card.after)} == {"Stand-in card"}
    assert len(card.samples) > 1
    told = dict(facts.environment(results))
    assert told["NVIDIA driver"] == "580.65.06"
    assert told["power limit of the card"] == "700 W"


def test_the_report_says_why_there_are_no_facts() -> None:
    """Rather than leave the reader to guess."""
    results = synthetic.rows()
    results.environment.card = watched(NVML(init_error="Driver Not Loaded"))
    assert ("facts of the card", "none: NVML says: Driver Not Loaded") in facts.environment(results)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Name": "Another card"}, "the card was Stand-in card when the run began, and is Another card now"),
        ({"Driver": "610.1"}, "the NVIDIA driver was 580.65.06 when the run began, and is 610.1 now"),
    ],
)
def test_a_run_resumes_on_the_card_that_it_began_on(changes: dict[str, Any], said: str) -> None:
    """And with its driver; what NVML does not tell, now or then, is no difference."""
    results = synthetic.rows()
    check_card(results, CardWatch("0", NVML()))
    results.environment.card = watched(NVML())
    check_card(results, CardWatch("0", NVML()))
    check_card(results, CardWatch("0", NVML(init_error="Driver Not Loaded")))
    check_card(results, None)
    with pytest.raises(UserError, match=said):
        check_card(results, CardWatch("0", NVML(**changes)))


def test_who_flushes_denormals_is_told_where_not_all_do() -> None:
    """On a card torch keeps them; what all do alike is no fact about the comparison."""

    def told(*, tf: bool, torch: bool) -> str | None:
        runs = [
            Launch("tf", "eager", "cuda", "float32", 0, "tf:eager", runtime={"flush_denormals": tf}),
            Launch("torch", "eager", "cuda", "float32", 0, "torch:eager", runtime={"flush_denormals": torch}),
        ]
        return dict(facts.environment(synthetic.rows(*runs))).get("numbers below 1e-38")

    assert told(tf=True, torch=False) == "zero in TensorFlow on cuda, kept in PyTorch on cuda"
    assert told(tf=True, torch=True) is None
    assert told(tf=False, torch=False) is None
