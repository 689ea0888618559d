"""Loss curves of one seed, and what becomes of a variant one launch of which is not as proved."""

from __future__ import annotations

import numpy as np
import pytest

from compare.config import RunConfig, entrants
from compare.data import mnist
from compare.experiment.ends import PERIOD, PLACES, WINDOW, end_of, parted_at
from compare.experiment.experiment import distrust, kept_out
from compare.records.parity import Climb, Difference, Gate, Rung
from compare.records.results import Launch, Results
from tests.rendering.synthetic import results as made_results

STEPS = 400


def curve(seed: int, noise: float = 0.02) -> np.ndarray:
    """Return losses that fall as LeNet's do, and scatter; the noise is what rounding grows to."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    falling = 2.3 * np.exp(-np.arange(STEPS) / 40) + 0.03
    return falling * np.exp(shared.normal(0, 0.5, STEPS)) * np.exp(own.normal(0, noise, STEPS))


@pytest.mark.parametrize("seed", range(1, 11))
def test_right_curves_do_not_part(seed: int) -> None:
    """Rounding that has grown to a tenth of every loss is no alarm."""
    assert parted_at(list(curve(seed, noise=0.1)), list(curve(0))) is None


def test_a_training_that_stops_is_named_from_where_it_stopped() -> None:
    """The window in which it shows, not the end."""
    baseline = curve(0)
    frozen = baseline.copy()
    frozen[120:] = baseline[120:] / baseline[120:].mean() * baseline[100:120].mean()
    assert parted_at(list(frozen), list(baseline)) in (2 * WINDOW, 3 * WINDOW)


def test_a_curve_that_is_not_finite_has_parted() -> None:
    """No comparison with NaN may pass."""
    broken = curve(0)
    broken[60] = np.nan
    assert parted_at(list(broken), list(curve(0))) == WINDOW


def test_three_seeds_judge_an_update_at_every_place_of_a_period() -> None:
    """So an error in every 25th step is found, wherever the period starts. A short run judges fewer."""
    config = RunConfig(steps=100, batch_size=2)
    dataset = mnist.load(None, config.spec())
    assert len(end_of(config, dataset, 0).batches) == 100 // PERIOD
    config = RunConfig(steps=10 * PERIOD, batch_size=2)
    ends = [end_of(config, dataset, seed) for seed in range(PLACES)]
    judged = [end.skipped + place for end in ends for place in range(len(end.batches))]
    assert judged == [*range(len(judged))]
    assert len(judged) >= PERIOD


def run(label: str, seed: int, **fields: object) -> Launch:
    """Return a launch that did well, but for what is given."""
    framework, _, variant = label.partition(":")
    made = Launch(framework, variant, "cpu", "float32", seed, label, status="ok", reason=None)  # type: ignore[arg-type]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_no_launch_of_a_variant_ranks_if_one_was_not_as_proved() -> None:
    """The others say which launch it was; another variant's stand."""
    made: Results = made_results()
    wrong = run("torch:eager", 1, status="failed", reason="not as proved from step 9", not_proved_from=9)
    made.runs = [run("tf:eager", 0), run("torch:eager", 0), wrong]
    distrust(made)
    assert [one.status for one in made.runs] == ["ok", "failed", "failed"]
    assert made.runs[1].reason == "another launch of this variant, of seed 1, did not train as proved"
    assert made.runs[2].reason == "not as proved from step 9"


def gate(**fields: object) -> Gate:
    """Return a gate at which tf:eager fails rung 6 in float32."""
    failed = Difference("tf:eager", "oracle", "w", 1.0, 1.0, 0.1, passed=False, first_failing="w")
    rung = Rung(6, "gradients", "fail", [failed], first_failing="w", wrong=["tf:eager"])
    climb = Climb(
        ["torch:eager", "tf:eager"],
        "float32",
        dropout=False,
        steps=20,
        judged_steps=20,
        oracle_steps=20,
        rungs=[rung],
    )
    return Gate(passed=False, summary="", climbs=[climb], **fields)  # type: ignore[arg-type]


def test_what_is_not_proved_is_not_trained() -> None:
    """Who is wrong fails with its rung; who cannot run here is unavailable; the innocent one trains."""
    tf, torch = entrants(RunConfig())
    status, why = kept_out(gate(), tf) or ("", "")
    assert status == "failed"
    assert why.startswith("not trained, because parity fails at rung 6 of 1 in float32, gradients")
    assert kept_out(gate(), torch) is None
    reason = {"torch:eager": "torch:eager: no C++ compiler; install g++"}
    found = kept_out(gate(left_out=reason, unavailable=["torch:eager"]), torch)
    assert found == ("unavailable", "no C++ compiler; install g++")
    assert kept_out(gate(left_out=reason), torch) == (
        "failed",
        "not trained, because it could not climb the parity ladder: no C++ compiler; install g++",
    )
