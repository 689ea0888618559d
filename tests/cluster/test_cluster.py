"""Runs on a cluster: whole groups on one node, nodes and drivers that die, and versions that differ."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.cluster.clusters import (
    TOKEN,
    cluster_of,
    environment,
    kill,
    needs_ray,
    raylet_that_trains,
    run_on,
    started_on,
    wait_for_line,
)
from tests.commands import (
    LAST_WORDS,
    assert_refused,
    command,
    interpreter,
    processes_of,
    results_of,
    script,
    wait_until,
)
from tests.reliability.small_runs import Place, outcome

pytestmark = needs_ray

SMALL = ("--steps", 4, "--batch-size", 2)
TWO = ("--seeds", 2, *SMALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return data and stand-in interpreters."""
    return Place.create(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def undisturbed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of the same seeds without a cluster."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = command("--out", out, *place.where(), *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def hanging(place: Place, directory: Path, label: str) -> Place:
    """Return the same data with workers of which one hangs in its second block, until `cure`."""
    python = interpreter(directory / "python", {label: {"at": "Train 2", "do": "hang"}})
    return Place(place.data, python, place.temporary)


def cure(held: Place) -> None:
    """Let workers that start from now on do as they should."""
    held.python.with_suffix(".json").write_text("{}")


def wait_until_it_hangs(short: Path, seed: int) -> None:
    """Wait until a worker of the seed's group, in a node's own directory, has said its last words."""
    logs = f"lenet-compare-*/run/*-seed{seed}.log"
    wait_until(lambda: any(LAST_WORDS in log.read_text() for log in short.glob(logs)))


def trains_nothing(short: Path) -> bool:
    """Whether neither our command on a node nor a worker is left: Ray's own processes may be."""
    return not [line for line in processes_of(short) if "compare.cluster.node" in line or "stand_in" in line]


def test_ray_on_this_machine_alone(place: Place, short: Path, tmp_path: Path) -> None:
    """The rows are those of any run, nothing of Ray reaches a worker, and nothing of it is left."""
    done = run_on("local", place, short, "--seeds", 1, *SMALL, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    results = results_of(tmp_path / "run")
    assert results["config"]["cluster"]
    assert [run["status"] for run in results["runs"]] == ["ok", "ok"]
    assert {run["machine"] for run in results["runs"]} == set(results["machines"])
    assert not [
        name for run in results["runs"] for name in run["worker_environment"] if name.startswith("RAY")
    ]
    assert (tmp_path / "run" / "report.html").exists()
    assert list(short.iterdir()) == []
    assert processes_of(short) == []
    assert_refused(
        command("--resume", tmp_path / "run", *place.where()), "was started with --cluster", "Add it"
    )


@pytest.mark.proof
def test_a_group_whose_node_is_lost_trains_again_elsewhere(
    place: Place, undisturbed: Path, short: Path, tmp_path: Path
) -> None:
    """As a whole on one node each, with the losses of an undisturbed run; results and terminal say so."""
    held, out = hanging(place, tmp_path, "torch-eager-cpu-seed0"), tmp_path / "run"
    with cluster_of(short, {}, {}) as address, started_on(address, held, short, *TWO, "--out", out) as run:
        lines = wait_for_line(run, "seed 0 starts")
        wait_until_it_hangs(short, 0)
        on = next(number for number in (1, 2) if f"node {number} (" in lines[-1])
        cure(held)
        kill(raylet_that_trains(short))
        lines += wait_for_line(run, "was lost while it trained seed 0")
        rest, _ = run.communicate()
        assert run.returncode == 0, "".join(lines) + rest
    results = results_of(out)
    assert outcome(out) == outcome(undisturbed)
    assert [f"Node {on} (" in one and "trains again as a whole" in one for one in results["lost_nodes"]] == [
        True
    ]
    assert results["lost_nodes"][0] in results["warnings"]
    assert f"node {3 - on} (" in next(line for line in rest.splitlines() if "seed 0 ends" in line)


@pytest.mark.proof
def test_a_killed_driver_leaves_nothing_running_and_is_resumed(
    place: Place, undisturbed: Path, short: Path, tmp_path: Path
) -> None:
    """What had finished is kept as it was, and the rest ends as undisturbed."""
    held, out = hanging(place, tmp_path, "torch-eager-cpu-seed1"), tmp_path / "run"
    with cluster_of(short, {}) as address:
        with started_on(address, held, short, *TWO, "--out", out) as run:
            wait_for_line(run, "seed 0 ends")
            wait_until_it_hangs(short, 1)
            kill(run.pid)
        wait_until(lambda: trains_nothing(short))
        before = results_of(out)["runs"]
        assert [row["seed"] for row in before] == [0, 0]
        done = run_on(address, place, short, "--resume", out)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "seed 0 starts" not in done.stdout
        assert list(short.glob("lenet-compare-*")) == []
    assert [run for run in results_of(out)["runs"] if run["seed"] == 0] == before
    assert outcome(out) == outcome(undisturbed)


@pytest.mark.proof
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_of_an_embedded_ray_is_left(
    number: signal.Signals,
    place: Place,
    short: Path,
    tmp_path: Path,
) -> None:
    """No process, socket or directory, whatever ends its driver."""
    held, out = hanging(place, tmp_path, "torch-eager-cpu-seed0"), tmp_path / "run"
    with started_on("local", held, short, *TWO, "--out", out) as run:
        wait_for_line(run, "seed 0 starts")
        wait_until_it_hangs(short, 0)
        run.send_signal(number)
        run.wait(60)
        assert run.stdout is not None
        said = run.stdout.read()
    assert run.returncode == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert f"--resume {out} --cluster local" in said
    wait_until(lambda: processes_of(short) == [] == list(short.iterdir()))


@pytest.mark.proof
def test_other_code_or_another_token_is_refused(place: Place, short: Path, tmp_path: Path) -> None:
    """Before anything is trained or written; the node and both versions are named."""
    script(tmp_path / "bin" / "git", '[ "$5" = HEAD ] || [ "$6" = HEAD ] && echo 0123456789ab; exit 0')
    other = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with cluster_of(short, {}, other) as address:
        done = run_on(address, place, short, *TWO, "--out", tmp_path / "run")
        said = assert_refused(
            done, "differs from this machine: lenet-compare is ", "(0123456789ab) there and "
        )
        assert re.search(r"node [12] \(.+, \d+ CPUs?\)", said)
        assert not (tmp_path / "run").exists()
        strange = environment(short) | {"RAY_AUTH_TOKEN": TOKEN[::-1]}
        asked = ("--cluster", address, *place.where(), "--out", tmp_path / "run")
        assert_refused(command(*asked, env=strange), "does not accept the token", "ray get-auth-token")
