"""Each reason why a card cannot be used is told per framework, by a real worker, with what to do about it."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest

from compare.config import RunConfig
from compare.errors import UserError
from compare.experiment.devices import check_devices
from compare.worker import refusals
from compare.worker.nvidia_driver import Driver
from compare.worker.refusals import from_error, runs_on
from tests.commands import command
from tests.cuda.scenarios import interpreter

NO_CODE_ERROR = "CUDA error: no kernel image is available for execution on the device"
FULL_ERROR = "CUDA out of memory. Tried to allocate 20.00 MiB."


def refused(directory: Path, **changes: Any) -> str:
    """Return what a run on CUDA says, under an interpreter with these changes to what works."""
    python = interpreter(directory / "environment", **changes)
    config = dataclasses.replace(RunConfig(), device=("cuda",), tf_python=python, torch_python=python)
    with pytest.raises(UserError) as caught:
        check_devices(config)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"driver": None}, "no NVIDIA driver .* needs driver {oldest} or newer. Install it"),
        (
            {"driver": {"version": 11080}},
            "too old: it runs CUDA up to 11.8, .* Install driver {oldest} or newer",
        ),
        ({"driver": {"devices": 0}}, "finds no card. nvidia-smi -L lists"),
        ({"driver": {"status": 100}}, "finds no card. nvidia-smi -L lists"),
        ({"driver": {"status": 803}}, "cuInit: 803.*kernel module are of different versions; restart"),
        ({"driver": {"status": 999}}, "cuInit: 999.*nvidia-smi may say more"),
    ],
)
def test_a_driver_that_will_not_do_is_told_for_both(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """One line for each framework, naming the driver that it needs."""
    message = refused(tmp_path, **changes)
    assert re.search("TensorFlow: .*" + said.format(oldest=525), message), message
    assert re.search("PyTorch: .*" + said.format(oldest=580), message), message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cuda": None}, "is built without CUDA. Install a build with it: make cuda"),
        ({"cards": []}, r"does not load its CUDA \d+ libraries: .* make cuda"),
        (
            {"capabilities": "sm_50"},
            "has no code for Stand-in card, of compute capability 9.0: .* sm_50. Use",
        ),
        (
            {"import_error": "libcudnn.so.9: cannot open shared object file: No such file or directory"},
            "does not load: libcudnn.so.9.* another framework's wheels .* make cuda",
        ),
        ({"import_error": "no module named mysterious"}, "no module named mysterious"),
    ],
)
@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_framework_that_will_not_do_is_told_alone(
    tmp_path: Path, framework: str, changes: dict[str, Any], said: str
) -> None:
    """The other one keeps quiet; where it can run, the message says how to run it alone."""
    names = {"torch": ("PyTorch", "tf:eager"), "tensorflow": ("TensorFlow", "torch:eager")}
    message = refused(tmp_path, **{framework: changes})
    name, other = names[framework]
    first, reason, last = message.splitlines()
    assert first == "--device cuda cannot be used here:"
    assert re.match(f"{name}: .*{said}", reason), message
    assert last == f"To run what can be run: --variants {other}"


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize(
    ("error", "said"),
    [(NO_CODE_ERROR, "has no code for this card"), (FULL_ERROR, "memory is full: .* smaller --batch-size")],
)
def test_a_card_that_fails_at_first_use_is_refused(
    tmp_path: Path, framework: str, error: str, said: str
) -> None:
    """What a framework promises of a card is tried before anything is trained."""
    message = refused(tmp_path, **{framework: {"first_use_error": error}})
    assert re.search(said, message.splitlines()[1]), message


def test_hidden_cards_are_told_through_the_command_line(tmp_path: Path) -> None:
    """CUDA_VISIBLE_DEVICES empty: exit 2, the variable named for both, no traceback, no directory."""
    python = interpreter(tmp_path / "environment", driver={"status": 100})
    out, hidden = tmp_path / "run", os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    pythons = ("--tf-python", python, "--torch-python", python)
    done = command("--device", "cuda", "--out", out, *pythons, env=hidden)
    assert done.returncode == 2
    assert done.stderr.count("CUDA_VISIBLE_DEVICES is '', which hides every card. Unset it") == 2
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("broken", "variants"), [("tensorflow", ("torch:eager",)), ("torch", ("tf:eager", "tf:xla"))]
)
def test_a_framework_that_can_is_not_refused_for_the_other(
    tmp_path: Path, broken: str, variants: tuple[str, ...]
) -> None:
    """Whoever names just the variants that can run is not told of the others."""
    python = interpreter(tmp_path / "environment", **{broken: {"cuda": None}})
    config = dataclasses.replace(
        RunConfig(), device=("cuda",), variants=variants, tf_python=python, torch_python=python
    )
    check_devices(config)


def test_a_run_on_the_cpu_asks_nothing_of_a_card(tmp_path: Path) -> None:
    """Whatever the driver is like."""
    python = interpreter(tmp_path / "environment", driver=None)
    check_devices(dataclasses.replace(RunConfig(), tf_python=python, torch_python=python))


@pytest.mark.parametrize(
    ("built", "card", "expected"),
    [
        (["sm_80"], (8, 0), True),
        (["sm_80"], (8, 6), True),  # code runs on later cards of the same major capability
        (["sm_86"], (8, 0), False),
        (["sm_80"], (9, 0), False),
        (["compute_90"], (12, 0), True),
        (["compute_90"], (8, 9), False),
        (["sm_100", "sm_120"], (12, 0), True),
        (["sm_90a"], (9, 0), True),
        (["sm_75"], (7, 0), False),
        (["nonsense"], (7, 0), False),
    ],
)
def test_code_for_a_card(built: list[str], card: tuple[int, int], expected: bool) -> None:
    """Two-digit and three-digit capabilities, machine code and code to be compiled."""
    assert runs_on(built, card) is expected


@pytest.mark.parametrize(
    "text",
    [
        FULL_ERROR,
        "OOM when allocating tensor with shape[128,24,24,32] on /device:GPU:0 by allocator GPU_0_bfc",
        "{{function_node __wrapped__Mul_device_/device:GPU:0}} failed to allocate memory [Op:Mul]",
        "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
        "failed to allocate 2.00GiB: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
    ],
)
def test_a_full_card_is_known_by_both_frameworks_words(text: str) -> None:
    """The kind is `memory`, and the action is in the reason."""
    found = from_error(text)
    assert found is not None
    assert found[0] == "memory"
    assert "--batch-size" in found[1]


@pytest.mark.parametrize(
    "text", ["", "shapes do not match", "OOM when allocating tensor on /device:CPU:0 by allocator cpu"]
)
def test_other_errors_are_left_alone(text: str) -> None:
    """The processor's memory is not the card's."""
    assert from_error(text) is None


def test_the_oldest_drivers_are_those_of_the_frameworks_builds() -> None:
    """A CUDA that the table does not know asks for a newer driver, without a number."""
    newer = refusals.Build("torch 9", "15.1")
    driver = Driver(present=True, cuda=(13, 0), status=0, devices=1)
    assert "Install a newer driver" in (refusals.driver_reason(newer, driver, {}) or "")
