"""Every way in which a worker can end, in one run of the whole command: a row each, and both sides go on."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.commands import SMALL, WIDE, command, interpreter, processes_of, results_of, small_data, small_run
from tests.faults.recording import Fault

FAULTS = "How a worker can end"
SURVIVES = "every other launch, and the steps and the log of this one; exit status 1"
LOG = "log: {stem}.log"


@dataclass(frozen=True)
class Case:
    """What happens to one launch, when (`stand_in.py`), and what is said of it."""

    fault: str
    plan: dict[str, str]
    said: str
    steps: int = 0  # whose losses it still has
    survives: str = SURVIVES
    status: str = "failed"


def at(moment: str, what: str) -> dict[str, str]:
    """Return a plan: what to do at a moment."""
    return {"at": moment, "do": what}


def reply(moment: str, what: str) -> dict[str, str]:
    """Return a plan: how to falsify the reply at a moment."""
    return {"reply": moment, "do": what}


CASES = [
    Case(
        "A worker is killed while it starts", at("start", "signal SIGKILL"), "was killed by SIGKILL (perhaps"
    ),
    Case(
        "A worker is killed during training, by a user, or by the system because memory ran out",
        at("Train 2", "signal SIGKILL"),
        "was killed by SIGKILL (perhaps by the system, because memory ran out",
        steps=2,
    ),
    Case("A framework crashes (SIGSEGV)", at("Train 1", "signal SIGSEGV"), "was killed by SIGSEGV"),
    Case("A framework aborts (SIGABRT)", at("SetUp 1", "signal SIGABRT"), "was killed by SIGABRT"),
    Case(
        "A framework is built for another processor", at("Train 1", "signal SIGILL"), "for another processor"
    ),
    Case("A division traps (SIGFPE)", at("Train 1", "signal SIGFPE"), "was killed by SIGFPE"),
    Case("A worker is told to end (SIGTERM)", at("Train 1", "signal SIGTERM"), "was killed by SIGTERM"),
    Case("A signal without a name", at("Train 1", "signal 41"), "was killed by SIGRTMIN+7"),
    Case("A worker exits by itself, as if all were well", at("Train 2", "exit 0"), "status 0", steps=2),
    Case("A worker exits with an error", at("SetUp 1", "exit 77"), "exited with status 77"),
    Case(
        "A worker hangs while it starts, and ignores SIGTERM",
        at("SetUp 1", "hang"),
        "gave no answer to SetUp in 3 s",
    ),
    Case("A worker hangs during training", at("Train 2", "hang"), "gave no answer to Train in 3 s", steps=2),
    Case(
        "A worker is stopped (SIGSTOP)",
        at("Train 2", "signal SIGSTOP"),
        "in 3 s: it is stopped (SIGSTOP, or a debugger)",
        steps=2,
    ),
    Case(
        "A worker hangs after its last message",
        {"after": "Explain 1", "do": "hang"},
        "",
        steps=4,
        survives="all",
    ),
    Case(
        "Half a message, then nothing more", at("Train 2", "half-a-message"), "exited with status 1", steps=2
    ),
    Case(
        "Bytes that are not a message",
        at("Train 1", "no-protocol"),
        "sent bytes that are not a message: a frame of",
    ),
    Case("A message of another kind", reply("Train 1", "other-message"), "answered Train with Probed"),
    Case(
        "Losses for only some of the steps", reply("Train 1", "too-few-losses"), "sent 1 loss, 2 accuracies"
    ),
    Case(
        "A loss of NaN that is not called divergence",
        reply("Train 1", "nan-loss"),
        "a loss that is not finite",
    ),
    Case("Weights that cannot be read", reply("Parameters 1", "not-safetensors"), "not safetensors", steps=4),
    Case(
        "Logits of another shape",
        reply("Evaluate 1", "misshapen"),
        "sent logits [3, 10]; it must be [30, 10]",
        steps=4,
    ),
    Case(
        "Logits of NaN",
        reply("Evaluate 1", "nan-logits"),
        "logits of the test images are not finite",
        steps=4,
    ),
    Case("Another data set than the parent read", reply("SetUp 1", "other-data"), "read another data set"),
    Case(
        "Other initial weights",
        reply("SetUp 1", "other-weights"),
        "shared initial weights of seed 0",
        steps=4,
    ),
    Case("Fewer or more threads than asked for", reply("SetUp 1", "fewer-threads"), "uses 77 threads"),
    Case("Memory runs out during a step (ulimit -v)", at("SetUp 1", "memory"), "there is not enough memory"),
    Case("An error in a training step", at("SetUp 1", "raise"), "RuntimeError: the kernel is in a bad state"),
    Case(
        "A training step ends the program", at("SetUp 1", "sys.exit"), "its code ends the program (status 3)"
    ),
    Case(
        "There is no C++ compiler",
        at("SetUp 1", "no-compiler"),
        "no C++ compiler; install g++",
        status="unavailable",
    ),
    Case(
        "A flood on standard output and error",
        at("Train 1", "flood"),
        "",
        steps=4,
        survives="all, in its log",
    ),
    Case("A worker leaves a process of its own behind", at("Train 1", "daemon"), "exited with status 0"),
]


@dataclass(frozen=True)
class Ended:
    """A run whose launches ended badly, and what it left."""

    done: subprocess.CompletedProcess[str]
    out: Path
    temporary: Path
    results: dict[str, Any]

    def line(self, label: str) -> str:
        """Return what the command printed when the launch ended."""
        lines = self.done.stdout.splitlines()
        return next((line for line in lines if line.startswith(f"{label} seed 0:")), "")


def stem(number: int) -> str:
    """Return the stem of a launch's files, which its plan goes by."""
    return f"tf-eager-{number + 2}-cpu-seed0"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One run in which launches 2, 3, ... of the same variant meet the cases in turn."""
    place = tmp_path_factory.mktemp("ends")
    (place / "tmp").mkdir()
    plans = {stem(number): case.plan for number, case in enumerate(CASES)}
    python = interpreter(place / "python", plans)
    variants = ",".join(["tf:eager"] * (1 + len(CASES)) + ["torch:eager"])
    done = command(
        *SMALL, "--steps", "4", "--timeout", "3", "--variants", variants,
        "--data-dir", small_data(place / "data"), "--out", place / "out",
        "--tf-python", python, "--torch-python", python,
        env=WIDE | {"TMPDIR": str(place / "tmp")},
    )  # fmt: skip
    return Ended(done, place / "out", place / "tmp", results_of(place / "out"))


def test_the_others_go_on(ended: Ended) -> None:
    """Launches without a fault keep all results; the run exits with 1, without a traceback."""
    assert ended.done.returncode == 1, ended.done.stdout + ended.done.stderr
    assert ended.done.stderr == ""
    rows = {run["label"]: run for run in ended.results["runs"]}
    for label in ("tf:eager", "torch:eager"):
        assert (rows[label]["status"], rows[label]["reason"]) == ("ok", None)
        assert len(rows[label]["losses"]) == 4
        assert rows[label]["test_loss"] > 0
    assert (ended.out / "report.html").exists()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.fault for case in CASES])
def test_a_launch_that_ends_badly_keeps_its_row(ended: Ended, number: int, fault: Fault) -> None:
    """The row gives the status, the reason with the log's name, and the steps that were trained."""
    case, label = CASES[number], f"tf:eager#{number + 2}"
    (run,) = [run for run in ended.results["runs"] if run["label"] == label]
    assert len(run["losses"]) == len(run["step_seconds"]) == case.steps
    log = ended.out / f"{stem(number)}.log"
    if not case.said:
        assert (run["status"], run["reason"]) == ("ok", None)
        fault(case.fault, words="nothing", survives=case.survives)
        return
    assert run["status"] == ("diverged" if "not finite after" in run["reason"] else case.status)
    assert case.said in run["reason"]
    assert "\n" not in run["reason"]
    assert str(ended.out) not in run["reason"]
    if "log: " in run["reason"]:
        assert run["reason"].endswith(f"log: {log.name}")
        assert log.exists()
    line = ended.line(label)
    assert line == f"{label} seed 0: {run['status']}: {run['reason']}"
    assert run["reason"] in (ended.out / "report.html").read_text() or "&" in run["reason"] or "'" in line
    fault(
        case.fault,
        seen=line.replace(f"#{number + 2}", "").replace(stem(number), "NAME"),
        survives=case.survives,
    )


def test_no_process_and_no_temporary_file_is_left(ended: Ended) -> None:
    """No process is left, not even a daemon that left its parent and its process group."""
    assert processes_of(ended.temporary) == []
    assert list(ended.temporary.iterdir()) == []
    assert not list(ended.out.glob(".*"))


def test_the_flood_is_in_the_log(ended: Ended) -> None:
    """Twelve megabytes on each stream go to the log and not to the command's own streams."""
    (number,) = [number for number, case in enumerate(CASES) if "flood" in case.plan["do"]]
    assert (ended.out / f"{stem(number)}.log").stat().st_size > 24_000_000
    assert "flood\n" not in ended.done.stdout


def test_a_worker_that_ends_on_the_parity_ladder(tmp_path: Path, fault: Fault) -> None:
    """A variant that could not climb is not trained."""
    plans = {
        "ladder-tf": at("start", "signal SIGKILL"),
        "ladder-torch": at("Gradients 1", "signal SIGSEGV"),
    }
    python, out = interpreter(tmp_path / "python", plans), tmp_path / "out"
    done = command(*small_run(tmp_path, tf=python, torch=python), env=WIDE)
    assert (done.returncode, done.stderr) == (1, "")
    rows = {run["label"]: run for run in results_of(out)["runs"]}
    assert {run["status"] for run in rows.values()} == {"failed"}
    assert rows["tf:eager"]["reason"].startswith(
        "not trained, because it could not climb the parity ladder: tf:eager was killed by"
    )
    assert "was killed by SIGSEGV" in rows["torch:eager"]["reason"]
    assert all(row["losses"] == [] for row in rows.values())
    for label, what in (("tf:eager", "while it starts to climb"), ("torch:eager", "on a rung")):
        line = f"{label}: failed: {rows[label]['reason']}"
        assert str(out) not in line
        fault(f"A worker dies on the parity ladder, {what}", seen=line, survives="the others; exit status 1")
