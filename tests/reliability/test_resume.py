"""`--resume`: what is kept, what is trained again, and what is refused because it is not as it was."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compare.config import Entrant, RunConfig, entrants
from compare.data import mnist
from compare.errors import UserError
from compare.experiment.resume import keep_finished, trained
from compare.records import machine
from compare.records.results import Launch
from compare.records.run_directory import RunDirectory
from tests.commands import assert_refused, interpreter, results_of, wait_until
from tests.faults.recording import Fault
from tests.reliability.small_runs import SEEDS, Finished, Place, outcome
from tests.rendering import synthetic

FAULTS = "A run that is resumed"
NOTHING = "everything: nothing was started or written; exit status 2"


@pytest.fixture
def run_directory(finished: Finished, tmp_path: Path) -> Path:
    """Return a copy of the finished run, for a test to change."""
    return Path(shutil.copytree(finished.directory, tmp_path / "run"))


def change(directory: Path, act: Callable[[dict[str, Any]], object]) -> None:
    """Change results.json."""
    path = directory / "results.json"
    results = json.loads(path.read_text())
    act(results)
    path.write_text(json.dumps(results))


def test_a_finished_run_is_only_rendered_again(place: Place, run_directory: Path) -> None:
    """Nothing is trained again, and a report that is gone comes back."""
    before = results_of(run_directory)["runs"]
    (run_directory / "report.html").unlink()
    done = place.resume(run_directory)
    assert done.returncode == 0, done.stderr
    assert f"with {2 * SEEDS} finished launches of seed 0, 1" in done.stdout
    assert results_of(run_directory)["runs"] == before
    assert (run_directory / "report.html").exists()


def test_a_launch_that_failed_is_trained_again_with_its_seed(
    place: Place, finished: Finished, tmp_path: Path
) -> None:
    """The seed as a whole, since its launches are interleaved; the other seed stays as it is."""
    plans = {"torch-eager-cpu-seed1": {"at": "Train 2", "do": "signal SIGSEGV"}}
    broken = Place(place.data, interpreter(tmp_path / "python", plans), place.temporary)
    out = tmp_path / "run"
    assert broken.run(out).returncode == 1
    first = [run for run in results_of(out)["runs"] if run["seed"] == 0]
    done = place.resume(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome(out) == outcome(finished.directory)
    assert [run for run in results_of(out)["runs"] if run["seed"] == 0] == first
    assert [(run["seed"], run["label"]) for run in results_of(out)["runs"]] == [
        (seed, label) for seed in range(SEEDS) for label in ("tf:eager", "torch:eager")
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--steps", "13"), "--steps is 13, but the run in"),
        (("--seeds", "9"), f"was started with {SEEDS}"),
        (("--preset", "quick"), "--preset is quick"),
        (("--dropout",), "--dropout is True"),
        (("--out", "elsewhere"), "name two different directories"),
    ],
)
def test_other_options_are_refused(
    place: Place, finished: Finished, options: tuple[str, ...], said: str, fault: Fault
) -> None:
    """Each is named with its value and that of the run; nothing is changed."""
    stderr = assert_refused(place.resume(finished.directory, *options), said)
    if options[0] == "--steps":
        fault("--resume with another option than the run began with", seen=stderr, survives=NOTHING)


CHANGES = [
    ("code_version", "Other code than the run began with", "the code version was"),
    ("cpu", "Another processor than the run began on", "the cpu was"),
    ("python", "Another Python than the run began with", "the python was"),
]


@pytest.mark.parametrize(("fact", "what", "said"), CHANGES)
def test_another_environment_is_refused(
    place: Place, run_directory: Path, fact: str, what: str, said: str, fault: Fault
) -> None:
    """What was so when the run began is named, and results.json stays as it is."""
    change(run_directory, lambda results: results["environment"].update({fact: "another one"}))
    before = (run_directory / "results.json").read_bytes()
    stderr = assert_refused(place.resume(run_directory), f"{said} another one when the run began", "--out")
    assert (run_directory / "results.json").read_bytes() == before
    fault(what, seen=stderr.replace(present(fact), "N"), survives=NOTHING)


def present(fact: str) -> str:
    """Return what is so on this machine now."""
    return str(getattr(machine.describe(), fact))


def test_other_versions_are_refused(place: Place, run_directory: Path, fault: Fault) -> None:
    """The package and both versions are named."""

    def older(results: dict[str, Any]) -> None:
        for run in results["runs"]:
            run["versions"] = {"stand-in": "0.9"}

    change(run_directory, older)
    stderr = assert_refused(place.resume(run_directory), "version of stand-in was 0.9", "is 1 now", "Install")
    fault("Another version of a framework than the run began with", seen=stderr, survives=NOTHING)


def test_other_data_are_refused(place: Place, run_directory: Path, fault: Fault) -> None:
    """The digest that the run began with is named."""
    change(run_directory, lambda results: results["config"]["data"].update(sha256="0" * 64))
    stderr = assert_refused(place.resume(run_directory), "the data set (SHA-256) was 000000", "--data-dir")
    digest = results_of_data(place)
    fault("Other data than the run began with", seen=stderr.replace(digest, "N"), survives=NOTHING)


def results_of_data(place: Place) -> str:
    """Return the digest of the data set."""
    return mnist.load(place.data).sha256


def test_a_directory_without_a_run_is_refused(place: Place, tmp_path: Path, fault: Fault) -> None:
    """The missing file is named, and what to do."""
    stderr = assert_refused(place.resume(tmp_path), "results.json", "Name a directory that compare.run wrote")
    fault("--resume of a directory without a run", seen=stderr, survives=NOTHING)


def test_a_second_run_into_one_directory_is_refused(place: Place, tmp_path: Path, fault: Fault) -> None:
    """While the first one lives."""
    hanging = Place(
        place.data, interpreter(tmp_path / "python", {"*": {"at": "Train 2", "do": "hang"}}), place.temporary
    )
    out = tmp_path / "run"
    first = hanging.start(out)
    wait_until((out / "results.json").exists)
    try:
        stderr = assert_refused(place.resume(out), f"in use by another run, process {first.pid}")
        assert_refused(place.run(out), f"process {first.pid}")
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    fault("Two runs into one directory", seen=stderr, survives="the first run, which continues")


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    """A second lock is refused while the first is held, and is given afterwards."""
    with RunDirectory(tmp_path), pytest.raises(UserError, match="another run, process"):
        RunDirectory(tmp_path)
    with RunDirectory(tmp_path):
        pass


def row(label: str, seed: int, status: str = "ok", *, ended: bool = True, threads: int = 2) -> Launch:
    """Return a launch's row of the results."""
    framework, _, variant = label.partition(":")
    return Launch(
        framework=framework,  # type: ignore[arg-type]
        variant=variant,
        device="cpu",
        dtype="float32",
        seed=seed,
        label=label,
        status=status,  # type: ignore[arg-type]
        ended=ended,
        threads={"intra_op": threads},
    )


BOTH: list[Entrant] = entrants(RunConfig())


@pytest.mark.parametrize(
    ("status", "ended", "kept"),
    [
        ("ok", True, True),
        ("ok", False, False),
        ("diverged", True, True),
        ("failed", True, False),
        ("unavailable", True, False),
    ],
)
def test_a_seed_is_kept_where_nothing_more_is_to_come(status: str, ended: bool, kept: bool) -> None:
    """A launch that diverged would again; one that was cut off before it was explained is not done."""
    results = synthetic.rows(
        row("tf:eager", 0), row("torch:eager", 0, status, ended=ended), row("tf:eager", 1)
    )
    keep_finished(results, BOTH, [])
    assert len(results.runs) == (2 if kept else 0)
    assert trained(results.runs, BOTH, 0) == kept
    assert not trained(results.runs, BOTH, 1)


def test_rows_that_the_gate_kept_out_stay() -> None:
    """They are nobody's to train."""
    results = synthetic.rows(row("torch:eager", 0, "failed", ended=False), row("tf:eager", 0, ended=False))
    keep_finished(results, [BOTH[0]], [])
    assert [run.label for run in results.runs] == ["torch:eager"]


def test_short_launches_are_kept_where_all_counts_are_there() -> None:
    """Those of a seed that lacks a thread count are dropped."""
    results = synthetic.rows(threads=[row("tf:eager", 0, threads=1), row("tf:eager", 0), row("tf:eager", 1)])
    keep_finished(results, BOTH, [1, 2])
    assert [(run.seed, run.threads["intra_op"]) for run in results.thread_runs] == [(0, 1), (0, 2)]
