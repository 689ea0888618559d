"""The soak's verdict: a leak and a step that gets slower fail it, a machine that drifts does not."""

from __future__ import annotations

import msgspec
import pytest

from compare.records.results import Launch
from tests.rendering import synthetic
from tools.soak import memory_growth, summaries

STEPS = 4000
BLOCK = 10


def launch(
    label: str, *, seconds: tuple[float, float] = (0.02, 0.02), megabytes: tuple[int, int] = (800, 800)
) -> Launch:
    """Return a launch whose step and memory go evenly from one figure to another."""
    made = synthetic.run(label, "cpu", 0, STEPS)
    (start, end), (least, most) = seconds, megabytes
    blocks = STEPS // BLOCK
    return msgspec.structs.replace(
        made,
        step_seconds=[start + (end - start) * step / STEPS for step in range(STEPS)],
        block_sizes=[BLOCK] * blocks,
        rss_bytes=[int((least + (most - least) * block / blocks) * 2**20) for block in range(blocks)],
    )


def passed(*runs: Launch) -> list[bool]:
    """Return whether each launch passes."""
    return [summary["passed"] for summary in summaries(runs)]


def test_a_steady_pair_passes() -> None:
    """Neither memory nor step time moves."""
    assert passed(launch("tf:eager"), launch("torch:eager")) == [True, True]


@pytest.mark.parametrize(("change", "verdict"), [(0.9, True), (1.04, True), (1.1, False)])
def test_both_may_get_faster_or_a_little_slower_together(change: float, verdict: bool) -> None:
    """A drift of the machine is no launch's own, but what slows both by so much may be the harness."""
    drifting = (0.02, 0.02 * change)
    pair = launch("tf:eager", seconds=drifting), launch("torch:eager", seconds=drifting)
    assert passed(*pair) == [verdict, verdict]


def test_one_that_gets_slower_than_the_other_fails_both_ways() -> None:
    """Which of the two is at fault the ratio alone cannot say."""
    assert passed(launch("tf:eager", seconds=(0.02, 0.022)), launch("torch:eager")) == [False, False]


def test_memory_that_grows_fails() -> None:
    """The launch whose memory grows fails; the other passes."""
    assert passed(launch("tf:eager", megabytes=(800, 840)), launch("torch:eager")) == [False, True]


def test_growth_before_the_first_thousand_steps_is_settling() -> None:
    """Only what grows afterwards counts."""
    made = launch("tf:eager")
    settled = 1000 // BLOCK
    made = msgspec.structs.replace(
        made, rss_bytes=[500 * 2**20] * (settled - 1) + made.rss_bytes[settled - 1 :]
    )
    assert memory_growth(made) == 0


def test_a_run_too_short_for_a_verdict_is_named() -> None:
    """The launch is named, and how long a soak takes."""
    short = synthetic.run("tf:eager", "cpu", 0, 25)
    with pytest.raises(ValueError, match=r"tf:eager: .* a soak takes thousands"):
        summaries([short])


def test_a_launch_that_failed_is_named_with_its_reason() -> None:
    """It has no verdict of its own."""
    failed = msgspec.structs.replace(launch("tf:eager"), status="failed", reason="killed by SIGKILL")
    with pytest.raises(ValueError, match=r"tf:eager: failed: killed by SIGKILL"):
        summaries([failed, launch("torch:eager")])
