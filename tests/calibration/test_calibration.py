"""The harness is held against itself: trials are planned, judged and counted rightly."""

import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from compare.calibration import slowing, trials
from compare.calibration.config import CalibrationConfig
from compare.config import RunConfig
from compare.errors import UserError
from compare.records.calibration import Calibration, Trial, read, write
from compare.records.results import Launch
from compare.variants import VARIANTS_BY_NAME


def trial(slowdown: float, kind: str) -> Trial:
    """Return a trial of three launches a side, with a verdict of this kind."""
    return Trial("torch:eager", slowdown, 3, 200, [1.0] * 3, [1.0] * 3, 1.0, 0.99, 1.01, kind, kind)


def launches(ratio: float, wobble: float = 0.002) -> list[Launch]:
    """Six launches of fifty equal steps; the second side's are `ratio` times as long."""
    runs = []
    for seed, (label, factor) in itertools.product(range(3), [("torch:eager", 1), ("torch:eager#2", ratio)]):
        run = Launch("torch", "eager", "cpu", "float32", seed, label, status="ok", reason=None)
        run.step_seconds = [0.02 * factor * (1 + wobble * seed * (factor != 1))] * 50
        runs.append(run)
    return runs


def test_the_variants_take_turns_and_the_slowed_come_last() -> None:
    """A drift of the machine falls on both frameworks' trials."""
    planned = trials.plan(CalibrationConfig(trials=2, slowed_trials=1))
    assert [(variant.name, slowdown) for variant, slowdown in planned] == [
        ("torch:eager", 0),
        ("tf:eager", 0),
        ("torch:eager", 0),
        ("tf:eager", 0),
        ("torch:eager", 0.05),
        ("tf:eager", 0.05),
    ]


@pytest.mark.parametrize(("ratio", "kind"), [(1.001, "no_difference"), (1.05, "slower"), (0.9, "faster")])
def test_a_trial_is_judged_as_any_comparison(ratio: float, kind: str) -> None:
    """The medians of both sides, paired by seed, go through the same verdict."""
    config = RunConfig(steps=50)
    found = trials.judged(VARIANTS_BY_NAME["torch:eager"], 0.0, config, launches(ratio))
    assert found.kind == kind
    assert found.estimate == pytest.approx(ratio, rel=0.01)
    assert len(found.baseline_medians) == 3


@pytest.mark.parametrize(
    ("kinds", "slowed", "passed"),
    [
        (["no_difference"] * 20, ["slower"], True),
        (["no_difference"] * 19 + ["not_enough"], ["slower"], True),
        (["no_difference"] * 18 + ["faster", "not_enough"], ["slower"], False),
        (["no_difference"] * 20, ["slower", "no_difference"], False),
    ],
)
def test_nineteen_of_twenty_and_every_slowdown(kinds: list[str], slowed: list[str], passed: bool) -> None:
    """The bar that the harness must clear."""
    found = [trial(0.0, kind) for kind in kinds] + [trial(0.05, kind) for kind in slowed]
    assert Calibration(trials=found).passed is passed


def test_the_record_survives_the_file(tmp_path: Path) -> None:
    """What is written is read back."""
    calibration = Calibration(trials=[trial(0.0, "no_difference")])
    write(calibration, tmp_path)
    assert read(tmp_path / "calibration.json") == calibration


def test_a_slowed_step_takes_its_share_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that the test holds: a step of 100 is followed by spinning until 105."""
    now = itertools.count(0.0, 1.0)
    seen: list[float] = []

    def clock() -> float:
        seen.append(next(now))
        return seen[-1]

    def step(*_: Any) -> tuple[float, None]:
        for _tick in range(99):
            clock()
        return 0.5, None

    monkeypatch.setattr(time, "perf_counter", clock)
    assert slowing.Slowed().slowed(step, ()) == (0.5, None)
    start, end = seen[0], seen[100]
    assert end - start == 100
    assert seen[-1] == pytest.approx(end + 5)


@pytest.mark.parametrize(
    ("config", "flag"),
    [
        (CalibrationConfig(launches=1), "--launches"),
        (CalibrationConfig(slowed_launches=1), "--slowed-launches"),
    ],
)
def test_one_launch_is_refused(tmp_path: Path, config: CalibrationConfig, flag: str) -> None:
    """It has no interval, so that nothing could be said after the training."""
    with pytest.raises(UserError, match=f"{flag} is 1; it must be at least 2"):
        trials.calibrate(dataclasses.replace(config, out=tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_only_the_eager_variants_can_be_calibrated(tmp_path: Path) -> None:
    """Another name is refused before anything starts."""
    config = CalibrationConfig(variants=("torch:compiled",), out=tmp_path / "new")
    with pytest.raises(UserError, match="torch:compiled' cannot be calibrated"):
        trials.calibrate(dataclasses.replace(config))
    assert not (tmp_path / "new").exists()
