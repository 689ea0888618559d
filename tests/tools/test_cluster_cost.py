"""The engine is stopped and continued in turn, and each step is counted on its side."""

import subprocess
import sys
import time

import psutil
import pytest

from compare.records.results import Launch
from tools.cluster_cost import Switch, apart


def launch(label: str, blocks: list[int]) -> Launch:
    """Return a launch whose steps take as many seconds as their number."""
    framework, _, variant = label.partition(":")
    made = Launch(framework, variant, "cpu", "float32", 0, label)  # type: ignore[arg-type]
    made.block_sizes, made.step_seconds = blocks, [float(step) for step in range(sum(blocks))]
    return made


def runs(process: psutil.Process, *, expected: bool) -> bool:
    """Return whether the process is not stopped, which the kernel may say a moment late."""
    until = time.monotonic() + 5
    while (process.status() != psutil.STATUS_STOPPED) != expected and time.monotonic() < until:
        time.sleep(0.01)
    return process.status() != psutil.STATUS_STOPPED


def test_both_states_have_as_many_rounds_in_either_order() -> None:
    """The warm-up and the first round run beside the engine; then two rounds without it, two with it, ..."""
    labels = ["tf:eager", "torch:eager"]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        switch = Switch([process := psutil.Process(child.pid)])
        switch.starting(labels, seed=0)
        seen = []
        for number in range(8):
            seen.append(runs(process, expected=switch.running))
            for label in labels if number % 2 == 0 else reversed(labels):
                switch.trained(label, 10, 0.3)
        switch.ended(launch("tf:eager", [10]), 0)
        assert runs(process, expected=True)
        child.kill()
    assert seen == [True, False, False, True, True, False, False, True]
    assert switch.states == dict.fromkeys(labels, seen)


def test_the_warm_up_is_counted_on_neither_side() -> None:
    """Steps 0 to 3 are the warm-up."""
    run = launch("tf:eager", [4, 2, 2, 1])
    run.warmup_steps = 4
    assert apart(run, [True, False, True, False]) == ([6.0, 7.0], [4.0, 5.0, 8.0])
    with pytest.raises(ValueError, match="shorter"):
        apart(run, [True])
