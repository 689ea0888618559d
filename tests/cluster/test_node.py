"""The command on a node, as a Ray task starts it; what is joined, and what is refused. Without Ray."""

from __future__ import annotations

import dataclasses
import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from compare.cluster import engine, guard, node
from compare.cluster.exchange import Facts, Group, Request, config_of, options_of
from compare.cluster.joining import Joined
from compare.cluster.members import Member, refuse_others
from compare.cluster.task import COMMAND, execute
from compare.config import RunConfig, entrants
from compare.config_rules import check
from compare.errors import UserError
from compare.records.environment import Environment
from compare.records.parity import Gate
from compare.records.results import Results
from tests.commands import ROOT, interpreter, processes_of, wait_until
from tests.reliability.small_runs import Place
from tests.rendering import synthetic

CLIMBED = synthetic.gate(("tf:eager", "torch:eager"))  # for another seed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return data and stand-in interpreters."""
    return Place.create(tmp_path_factory.mktemp("place"))


def config(place: Place) -> RunConfig:
    """Return the options of a small run on a cluster."""
    return RunConfig(
        cluster="local", steps=4, batch_size=2, threads=(), data_dir=place.data,
        tf_python=place.python, torch_python=place.python,
    )  # fmt: skip


def test_a_seed_trains_as_a_whole_and_its_machine_climbs_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what the machine has climbed already, nothing climbs again; all launches and files come back."""
    monkeypatch.setenv("TMPDIR", str(place.temporary))
    monkeypatch.setenv("RAY_ADDRESS", "of Ray's process")
    request = Request(options_of(config(place)), seed=5, gate=CLIMBED)
    done = execute(msgspec.json.encode(request))
    assert done["status"] == 0, done["printed"]
    assert isinstance(done["answer"], bytes)
    group = msgspec.msgpack.decode(done["answer"], type=Group)
    results = msgspec.json.decode(group.results, type=Results)
    assert [(run.label, run.seed, run.status) for run in results.runs] == [
        ("tf:eager", 5, "ok"), ("torch:eager", 5, "ok"),
    ]  # fmt: skip
    assert results.parity is not None
    assert results.parity.passed
    assert results.parity.climbs[0].losses == CLIMBED.climbs[0].losses
    assert not [name for name in group.files if name.startswith("parity")]
    assert {"tf-eager-cpu-seed5.safetensors", "torch-eager-cpu-seed5.log"} <= group.files.keys()
    assert list(place.temporary.iterdir()) == []


def test_a_node_says_why_it_cannot_train(place: Place) -> None:
    """In the words that a run on that machine would say."""
    wrong = dataclasses.replace(config(place), data_dir=Path("/nowhere"))
    done = execute(msgspec.json.encode(Request(options_of(wrong))))
    printed = done["printed"]
    assert done["status"] == 2
    assert isinstance(printed, bytes)
    assert "/nowhere" in engine.Reply(2, b"", printed.decode()).reason


def test_the_command_ends_with_its_input(place: Place, tmp_path: Path) -> None:
    """When the task that holds its input is gone, so are workers that hang, and temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    python = interpreter(tmp_path / "python", {"*": {"at": "Train 1", "do": "hang"}})
    held = dataclasses.replace(config(place), tf_python=python, torch_python=python)
    request = msgspec.json.encode(Request(options_of(held), seed=0, gate=CLIMBED))
    process = subprocess.Popen(
        [sys.executable, *COMMAND], cwd=ROOT, env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(request + b"\n")
    process.stdin.flush()
    wait_until(lambda: any(log.stat().st_size for log in temporary.glob("lenet-compare-*/run/*.log")))
    process.stdin.close()
    assert process.wait(60) == 128 + 15
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == []


def test_one_group_at_a_time_trains_on_a_host() -> None:
    """While one holds the host, no other can; afterwards it can, if nobody else has come."""
    root = os.open("/", os.O_RDONLY)
    try:
        with node.whole_host(), pytest.raises(BlockingIOError):
            fcntl.flock(root, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(root)


def test_options_reach_a_node_whole() -> None:
    """But for what is the driver's; paths are absolute, and a node without a thread count uses its own."""
    given = RunConfig(cluster="a:1", threads=(), data_dir=Path("data"), out=Path("out"), tensorboard=True)
    got = config_of(msgspec.json.decode(msgspec.json.encode(options_of(given))))
    own = RunConfig(data_dir=Path.cwd() / "data")
    assert got == own


def facts(**changes: object) -> Facts:
    """Return the facts of a node that is as the driver is, but for the changes."""
    environment = Environment(
        cpu="AMD EPYC", cpus_usable=2, code_version="0.1.0 (abc)", python="3.11", packages={"numpy": "2.4"}
    )
    same = Facts(environment, "0" * 64, {"tf": {"tensorflow": "2.21"}, "torch": {"torch": "2.14"}})
    return msgspec.structs.replace(same, **changes)


def member(**changes: object) -> Member:
    """Return such a node."""
    return Member(engine.Node("id", 2, 0), "node 2 (AMD EPYC, 2 CPUs)", facts(**changes))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"versions": {"tf": {"tensorflow": "2.20"}, "torch": {"torch": "2.14"}}},
            "tensorflow is 2.20 there",
        ),
        ({"versions": {"tf": {"tensorflow": "2.21"}, "torch": {}}}, "torch is missing there and 2.14 here"),
        ({"data_sha256": "1" * 64}, "the data set (SHA-256) is 111111111111 there"),
        ({"environment": Environment(code_version="0.1.0 (def)")}, "lenet-compare is 0.1.0 (def) there"),
    ],
)
def test_a_node_that_would_do_other_work_is_refused(there: dict[str, object], said: str) -> None:
    """By the node's name, with both versions."""
    with pytest.raises(UserError) as refused:
        refuse_others(facts(), [member(), member(**there)])
    assert "node 2 (AMD EPYC, 2 CPUs) differs from this machine" in str(refused.value)
    assert said in str(refused.value)


def test_other_processors_and_a_driver_without_frameworks_are_fine() -> None:
    """Processors are what is measured; but nodes must still have the same frameworks."""
    other = facts().environment
    other.cpu, other.kernel, other.cpus_usable = "Intel Xeon", "6.1", 64
    bare = facts(versions={"tf": {}, "torch": {}})
    refuse_others(bare, [member(), member(environment=other)])
    with pytest.raises(UserError, match=r"torch is 2\.13 there and 2\.14 here"):
        refuse_others(bare, [member(), member(versions=facts().versions | {"torch": {"torch": "2.13"}})])


def group(cpu: str, seed: int) -> Results:
    """Return what a node of that processor answers for a seed."""
    results = synthetic.results(steps=60)
    results.environment.cpu = cpu
    identity = results.environment.machine_id
    results.runs = [run for run in results.runs if run.seed == 0]
    for run in results.runs:
        run.seed, run.machine, run.ended = seed, identity, True
    results.parity = Gate(passed=True, summary=cpu)
    return results


def test_times_of_two_machines_are_never_compared() -> None:
    """One machine's are, as in any run; with a second the file has both, each with its parity."""
    joined = Joined(Results(config=synthetic.results(steps=60).config))
    asked = RunConfig(seeds=3)
    joined.add(group("AMD EPYC", 1), asked)
    joined.add(group("AMD EPYC", 0), asked)
    assert joined.results.comparisons
    assert [run.seed for run in joined.results.runs] == [0, 0, 1, 1]
    joined.add(group("Intel Xeon", 2), asked)
    assert not joined.results.comparisons
    assert [one.parity and one.parity.summary for one in joined.machines.values()] == [
        "AMD EPYC",
        "Intel Xeon",
    ]
    assert joined.finished(2, entrants(asked))
    joined.drop(2)
    assert not joined.finished(2, entrants(asked))


def test_a_failed_launch_trains_again_and_one_that_is_not_proved_does_not() -> None:
    """On resuming: the gate of its machine tells the second from the first."""
    joined = Joined(Results(config=synthetic.results(steps=60).config))
    one = group("AMD EPYC", 0)
    one.runs[1].status, one.runs[1].losses = "failed", []
    joined.add(one, RunConfig())
    assert not joined.finished(0, entrants(RunConfig()))
    gate = joined.gate(one.environment.machine_id)
    assert gate is not None
    gate.left_out["torch:eager"] = "there is no torch"
    assert joined.finished(0, entrants(RunConfig()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cluster": "nonsense"}, "is no address"),
        ({"cluster": "host:99999"}, "is no address"),
        ({"cluster": "local", "task": Path("task.py")}, "--cluster trains LeNet only"),
        ({"cluster": None, "threads": ()}, "--threads is 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    """By the rule that they break."""
    with pytest.raises(UserError, match=said):
        check(dataclasses.replace(RunConfig(), **options))  # type: ignore[arg-type]
    check(RunConfig(cluster="host:6379", threads=(4096,)))  # each node checks its own


def test_without_ray_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else is done."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"Ray, which is not installed\.\nInstall it: .* -m pip install"):
        engine.check_installed()


def test_an_old_ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions before 2.52 have no tokens. The message names the version that is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    for version in ("2.52.0", "3.0.0"):
        monkeypatch.setattr(engine, "version", lambda _, version=version: version)
        engine.check_installed()
    monkeypatch.setattr(engine, "version", lambda _: "2.51.9")
    with pytest.raises(UserError, match=r"needs Ray 2\.52 or newer; 2\.51\.9 is installed\.\nInstall it: "):
        engine.check_installed()


def test_an_address_where_nobody_answers_is_refused() -> None:
    """With how to start a cluster there."""
    with pytest.raises(
        UserError, match=r"no cluster answers: Connection refused\.\nStart it there: .*ray start"
    ):
        engine.check_answers("127.0.0.1:1")


def test_no_token_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With where the token is looked for; one in a file will do."""
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(UserError, match="there is no token"):
        engine.check_token()
    (tmp_path / "token").write_text("secret")
    engine.check_token()


def test_the_guard_ends_what_is_left_of_ray(tmp_path: Path) -> None:
    """Once its input closes: processes with the mark, and the directory."""
    directory = tmp_path / "ray"
    directory.mkdir()
    marked = os.environ | {guard.MARK: str(directory)}
    left = subprocess.Popen(["sleep", "600"], env=marked)
    done = subprocess.run(
        [sys.executable, "-m", "compare.cluster.guard", str(directory)],
        cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert (done.returncode, left.wait(60)) == (0, -9)
    assert not directory.exists()
