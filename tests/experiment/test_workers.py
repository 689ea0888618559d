"""`--workers`: groups of ranks beside single processes, in the same launch, under the same rules."""

from __future__ import annotations

import dataclasses
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from compare.config import ALL, RunConfig, entrants
from compare.config_rules import check
from compare.cpus import usable_cpus
from compare.data import mnist
from compare.errors import UserError
from compare.experiment.card import cards
from compare.experiment.devices import check_cards
from compare.experiment.ends import shard_digests
from compare.experiment.experiment import kept_out
from compare.experiment.resume import recorded_config
from compare.experiment.training import train_seed
from compare.findings.machines import join_results
from compare.ladder.config import entrant_ports
from compare.records.foreign import is_label, read_results
from compare.records.parity import Gate
from compare.records.results import Launch
from tests.commands import ROOT, command, results_of
from tests.ladder.small import write_small_mnist

SMALL = RunConfig(variants=("torch:eager",), workers=(2, 1), threads=(2,), steps=6, batch_size=10, seeds=1)


@dataclass
class Watcher:
    """Kills one process when the group has trained its first block."""

    victim: int | None = None  # by its place among this process' children, which start in order
    lines: list[str] = field(default_factory=list)

    def starting(self, labels: list[str], seed: int) -> None:
        self.lines.append(f"{labels} {seed}")

    def trained(self, label: str, steps: int, seconds: float) -> None:
        if label == "torch:eager x2" and self.victim is not None:
            children = sorted(psutil.Process().children(), key=lambda child: child.create_time())
            os.kill(children[self.victim].pid, signal.SIGKILL)
            self.victim = None

    def ended(self, run: Launch, steps_not_done: int) -> None:
        self.lines.append(f"{run.label}: {run.status}, {steps_not_done} left")


def test_each_entrant_trains_with_each_number_of_workers() -> None:
    """An axis: labels tell the rows apart, and a group has the same threads in all."""
    config = dataclasses.replace(
        SMALL, variants=("tf:graph", "torch:eager", "torch:eager"), workers=(1, 2), threads=(4,)
    )
    found = entrants(config)
    assert [one.label for one in found] == [
        "tf:graph", "tf:graph x2", "torch:eager", "torch:eager x2", "torch:eager#2", "torch:eager#2 x2",
    ]  # fmt: skip
    assert [config.entrant_conditions(one).threads for one in found[:2]] == [4, 2]
    ports = entrant_ports(found)
    assert [(port.label, port.ranks) for port in ports] == [
        ("tf:graph", 0), ("tf:graph x2", 2), ("torch:eager", 0), ("torch:eager x2", 2),
    ]  # fmt: skip
    assert (ports[1].module, ports[1].trainer) == ("tf_impl.ranks", "Graph")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("tf:keras", "Keras 3 fails in TensorFlow's engine"), ("torch:tuned", "has no form for several")],
)
def test_a_variant_without_an_engine_keeps_its_row(name: str, reason: str) -> None:
    """Unavailable, with the reason; it climbs no ladder."""
    alone, group = entrants(dataclasses.replace(SMALL, variants=(name,), workers=(1, 2)))
    assert kept_out(Gate(passed=True, summary=""), alone) is None
    status, why = kept_out(Gate(passed=True, summary=""), group) or ("", "")
    assert status == "unavailable"
    assert reason in why
    assert [port.label for port in entrant_ports([alone, group])] == [name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"workers": (0,)}, "--workers is 0; it must be at least 1"),
        ({"workers": ()}, "--workers is 0; it must be at least 1"),
        ({"workers": (1, 2, 1)}, "--workers 1,2,1 names a number twice"),
        ({"workers": (3,), "threads": (1,)}, "--workers is 3, but --threads is 1"),
        ({"workers": (2,), "threads": (1,)}, "or a multiple of it, up to the usable CPUs"),
        ({"batch_size": 1}, "--batch-size is 1, but --workers is 2"),
        ({"batch_sizes": (8, 1)}, "--batch-sizes is 1, but --workers is 2"),
        ({"workers": (2,), "inputs": ALL}, "--inputs: it is compared with one process"),
        ({"dtype": "bfloat16"}, "groups train in float32 or float64"),
        ({"workers": (2,), "variants": ("tf:keras",)}, "none of --variants trains in several processes"),
    ],
)
@pytest.mark.usefixtures("all_cpus")
def test_what_a_group_cannot_do_is_refused(change: dict[str, object], message: str) -> None:
    """With the option, the rule, and what to do."""
    if usable_cpus() < 2:
        pytest.skip("needs two CPUs")
    check(SMALL)
    check(dataclasses.replace(SMALL, variants=ALL))
    with pytest.raises(UserError, match=message):
        check(dataclasses.replace(SMALL, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("visible", "nvml", "seen"),
    [
        ("0", None, "1 card can be seen"),
        ("-1", None, "0 cards can be seen"),
        (None, SimpleNamespace(nvmlInit=int, nvmlDeviceGetCount=lambda: 1), "1 card can be seen"),
        (None, SimpleNamespace(), "0 cards can be seen"),
    ],
)
def test_each_worker_needs_a_card(visible: str | None, nvml: object, seen: str) -> None:
    """By CUDA_VISIBLE_DEVICES, else by NVML; with enough of them, or on the CPU, there is nothing to say."""
    config = dataclasses.replace(SMALL, device=("cpu", "cuda"))
    found = cards({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}, nvml)
    with pytest.raises(UserError, match=f"--workers is 2, and on cuda each needs .* {seen}"):
        check_cards(config, found)
    check_cards(config, cards({"CUDA_VISIBLE_DEVICES": "0,3"}))
    check_cards(SMALL, found)


def test_rows_of_groups_are_read_and_merged() -> None:
    """A label with ranks is one; the merged run names the variant, not each number of workers."""
    results = read_results(ROOT / "docs" / "results" / "run.json")
    for run in results.runs:
        run.label += " x2"
        assert is_label(run)
    results.runs[0].label = "tf:graph x2"
    assert not is_label(results.runs[0])
    assert join_results([results]).config.variants == "tf:graph,torch:eager,tf:eager"


def test_the_death_of_a_rank_ends_its_row_alone(tmp_path: Path) -> None:
    """With the rank's name; the single process trains to its end, on the same batches."""
    config = dataclasses.replace(SMALL, data_dir=write_small_mnist(tmp_path))
    dataset, watcher = mnist.load(config.data_dir), Watcher(victim=1)
    group, alone = train_seed(
        config, entrants(config), 0, dataset, tmp_path, progress=watcher, save=lambda _: None, complete=False
    )
    assert (group.label, group.status) == ("torch:eager x2", "failed")
    assert str(group.reason).startswith("torch:eager x2 rank 1 was killed by SIGKILL")
    assert (alone.status, len(alone.losses), alone.shards_sha256) == ("ok", 6, [])
    assert any(line.startswith("torch:eager x2: failed") for line in watcher.lines)


@pytest.mark.proof
@pytest.mark.usefixtures("all_cpus")
def test_a_run_with_workers_from_the_command_to_its_files(tmp_path: Path) -> None:
    """Proved at that world size before it is timed; rows, shards, resuming and the report."""
    data, out = write_small_mnist(tmp_path), tmp_path / "run"
    done = command(
        "--variants", "torch:eager,torch:tuned", "--workers", "1,2", "--threads", 2, "--seeds", 1,
        "--steps", 30, "--batch-size", 10, "--data-dir", data, "--out", out,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr  # a row is not available
    results = results_of(out)
    rows = {run["label"]: run for run in results["runs"]}
    assert {label: run["status"] for label, run in rows.items()} == {
        "torch:eager": "ok", "torch:eager x2": "ok", "torch:tuned": "ok", "torch:tuned x2": "unavailable",
    }  # fmt: skip
    group, alone = rows["torch:eager x2"], rows["torch:eager"]
    assert group["losses"] == pytest.approx(alone["losses"], rel=1e-3)
    assert group["test_accuracy"] == pytest.approx(alone["test_accuracy"], abs=0.05)
    assert group["threads"]["intra_op"] == 1
    dataset = mnist.load(data)
    config = recorded_config(out)
    assert config.workers == (1, 2)
    assert group["shards_sha256"] == shard_digests(config, dataset, 0, 2)
    proved = {label for climb in results["parity"]["climbs"] for label in climb["labels"]}
    assert "torch:eager x2" in proved
    assert "PyTorch eager, 2 workers" in (out / "report.md").read_text()
    again = command("--resume", out, "--data-dir", data)
    assert "resumed" in again.stdout, again.stdout + again.stderr
    assert len(results_of(out)["runs"]) == 4
