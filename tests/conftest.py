"""What all tests share: examples drawn by hypothesis, processors to run on, skips where there is no card."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from compare.worker.nvidia_driver import LIBRARY, read

pytest_plugins = ["tests.faults.recording"]

ALL_CPUS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []  # Linux has it

# They start whole commands, or the frameworks: first, so that no test process ends long before the other.
LONG = (
    "tests/test_run.py", "tests/impl/", "tests/task/test_timing.py", "tests/reliability/",
    "tests/test_convert.py", "tests/faults/test_environment.py", "tests/ladder/test_parity_command.py",
    "tests/ladder/test_ladder.py", "tests/traps/", "tests/faults/test_worker_ends.py",
)  # fmt: skip

PROOFS = pytest.StashKey[set[str]]()  # tests marked `proof`, run or left out

# The normal run draws the same examples each time; `make fuzz` draws new ones.
settings.register_profile("normal", max_examples=300, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


def pytest_configure() -> None:
    """Each of several test processes has a processor of its own, and takes the signals that tests send.

    Frameworks that share processors spend their time waiting for each other's threads. A shell ignores SIGINT
    for what it starts in the background, and nohup SIGHUP: what the tests start would inherit that.
    """
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)
    process = os.environ.get("PYTEST_XDIST_WORKER")
    if process and ALL_CPUS:
        cpu = ALL_CPUS[int(process.removeprefix("gw")) % len(ALL_CPUS)]
        os.sched_setaffinity(0, {cpu})


@pytest.fixture
def all_cpus() -> Iterator[None]:
    """For a test that is about several threads."""
    if not ALL_CPUS:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, ALL_CPUS)
    yield
    os.sched_setaffinity(0, own)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes longest first, and skip the tests marked `cuda`, visibly, without an NVIDIA card."""
    config.stash[PROOFS] = {item.nodeid for item in items if item.get_closest_marker("proof")}
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    marked = [item for item in items if item.get_closest_marker("cuda")]
    reason = why_no_card() if marked else None
    for item in marked if reason else []:
        item.add_marker(pytest.mark.skip(reason=f"needs an NVIDIA card: {reason}"))


def why_no_card() -> str | None:
    """Return why no test can use an NVIDIA card, or None if there is one."""
    driver = read()
    if not driver.present:
        return f"{LIBRARY}, the driver, does not load"
    return None if driver.devices else f"the driver finds none (cuInit: {driver.status})"
