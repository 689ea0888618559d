"""On a real card: the ladder, what is read back, memory, and a full card. `make test-cuda` runs these.

With the frameworks that are there: one alone will do.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import command, results_of
from tests.cuda.pythons import cuda_python, installed, of_installed

pytestmark = pytest.mark.cuda

ROOT = Path(__file__).parents[2]
PYTHONS = {framework: cuda_python(framework) for framework in ("tf", "torch")}
SMALL = ("--seeds", "1", "--steps", "20", "--device", "cuda")
GRAPHS = "tf:eager,tf:graph,tf:xla,torch:eager,torch:compiled,torch:cudagraph"


def on_card(module: str, *options: object) -> subprocess.CompletedProcess[str]:
    """Run one of the commands under the frameworks' own interpreters."""
    pythons = ("--tf-python", PYTHONS["tf"], "--torch-python", PYTHONS["torch"])
    if "--variants" not in options:
        options = (*options, "--variants", of_installed("tf:eager,torch:eager"))
    return command(*options, *pythons, module=module, timeout_seconds=1200)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every variant that launches in its own way, once, in float32 without TF32."""
    out = tmp_path_factory.mktemp("quick") / "run"
    done = on_card("compare.run", *SMALL, "--variants", of_installed(GRAPHS), "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return results_of(out)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("device", ["cuda", "cpu,cuda"])
def test_every_variant_climbs_the_ladder(tmp_path: Path, dtype: str, device: str) -> None:
    """Placement, activations, gradients, Adam and many steps, against the oracle; card against CPU."""
    variants = of_installed(GRAPHS if device == "cuda" else "tf:eager,torch:eager")
    out = tmp_path / "parity"
    options = ("--device", device, "--dtype", dtype, "--variants", variants, "--out", str(out))
    done = on_card("compare.parity", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    parity = json.loads((out / "parity.json").read_text())
    assert parity["passed"]
    climbed = {label for climb in parity["climbs"] for label in climb["labels"]}
    assert {f"{name} on cuda" for name in variants.split(",")} <= climbed


def test_rows_name_the_card_and_its_memory(quick: dict[str, Any]) -> None:
    """Each framework's own peak is above the weights', and the card has one name for both."""
    runs = quick["runs"]
    assert {run["device"] for run in runs} == {"cuda"}
    assert len({run["device_name"] for run in runs}) == 1
    for run in runs:
        assert run["peak_device_bytes"] > 4 * run["parameter_count"]
        assert run["runtime"]["memory_growth"] is True


def test_tf32_is_off_and_autotuning_alike_on_both_sides(quick: dict[str, Any]) -> None:
    """Read back, TF32 by computing."""
    for run in quick["runs"]:
        assert run["runtime"]["tf32"] is False
        assert run["runtime"]["tf32_computed"] == {"products": False, "convolutions": False}
        assert run["runtime"]["cudnn_autotune"] is True


def test_tf32_is_on_in_both_where_it_is_asked_for(tmp_path: Path) -> None:
    """Cards before compute capability 8.0 have none, and round nothing."""
    done = on_card("compare.run", *SMALL, "--tf32", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = results_of(tmp_path / "run")["runs"]
    computed = [run["runtime"]["tf32_computed"]["products"] for run in runs]
    assert len(set(computed)) == 1
    for run in runs:
        assert run["status"] == "ok"  # judged by what the card rounds
        assert (run["float32_rounding"] > 1e-5) == computed[0]
    assert {run["runtime"]["tf32"] for run in runs} == {True}


def test_a_product_is_waited_for(quick: dict[str, Any]) -> None:
    """Without the fence the peak would be that of putting work in a queue: no card does 1e15 in float32."""
    for run in quick["runs"]:
        assert 1e10 < run["matmul_peak_flops"] < 1e15


def test_the_cards_facts_are_recorded(quick: dict[str, Any]) -> None:
    """Through NVML, before, during and after."""
    card = quick["environment"]["card"]
    # CUDA adds to the name which part of a divided card (MIG) it is
    assert quick["runs"][0]["device_name"].startswith(card["before"]["name"])
    assert card["before"]["memory_bytes"] > 0
    assert card["samples"]
    assert card["after"]["driver"] == card["before"]["driver"]


@pytest.mark.parametrize("options", [("--dtype", "bfloat16"), ("--deterministic",)])
def test_other_arithmetics_train(tmp_path: Path, options: tuple[str, ...]) -> None:
    """bfloat16 layers and deterministic kernels learn too, in every way of launching."""
    names = of_installed(GRAPHS if "--deterministic" not in options else GRAPHS.replace("tf:xla,", ""))
    done = on_card("compare.run", *SMALL, *options, "--variants", names, "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    for run in results_of(tmp_path / "run")["runs"]:
        assert run["losses"][-1] < run["losses"][0]


HOG = """
import sys, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(free - (700 << 20), dtype=torch.uint8, device="cuda")
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def full_card() -> Iterator[None]:
    """Yield a process that leaves 700 MiB of the card."""
    if not installed("torch"):
        pytest.skip("torch, which fills the card, is not installed")
    hog = subprocess.Popen(
        [PYTHONS["torch"], "-c", HOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert hog.stdout is not None
    assert hog.stdout.readline() == "holding\n"
    yield
    hog.communicate("")


@pytest.mark.usefixtures("full_card")
def test_a_full_card_is_told_in_words(tmp_path: Path) -> None:
    """Whenever it is noticed, the reason says what to do, and there is no traceback."""
    out = tmp_path / "run"
    done = on_card("compare.run", *SMALL, "--batch-size", "8192", "--out", str(out))
    assert done.returncode in (1, 2)
    reasons = done.stderr + "".join(
        str(run["reason"]) for run in (results_of(out)["runs"] if out.exists() else [])
    )
    assert "the card's memory is full" in reasons
    assert "--batch-size" in reasons
    assert "Traceback" not in done.stderr
