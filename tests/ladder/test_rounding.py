"""float32 on a card is judged by how much that card rounds: TF32 climbs where the card says so, else not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compare.ladder.tolerances import BFLOAT16, BY_DTYPE, CPU_ROUNDING, for_rounding, tolerances
from compare.processes.launcher import WorkerRefused
from compare.protocol import messages
from compare.worker import session
from compare.worker.rounding import float32_rounding
from lenet_spec import LeNetSpec, Training
from tests.commands import command
from tests.ladder.small import write_small_mnist
from tests.worker.test_placement import set_up, worker

MEASURED = 3.1e-4  # of products of numbers that are rounded to TF32
PORT = """
from compare.worker import session
from tests.ladder.tf32_port import Trainer as TF32

session.Session.float32_rounding = lambda _: {rounding}

class Trainer(TF32):
    def gradients(self, *batch):
        found = super().gradients(*batch)
        return found | {{"conv2/bias": {factor} * found["conv2/bias"]}}
"""


def climbed(directory: Path, **values: object) -> subprocess.CompletedProcess[str]:
    """Put a port in TF32 on the ladder of float32."""
    (directory / "data").mkdir()
    port = directory / "port.py"
    port.write_text(PORT.format(**{"rounding": None, "factor": 1} | values))
    options = ("--dtype", "float32", "--variants", "torch:eager", "--torch-module", port)
    sizes = ("--steps", 3, "--batch-size", 16, "--dropout", "off")
    data = ("--data-dir", write_small_mnist(directory / "data"), "--out", directory / "out")
    done = command(*options, *sizes, *data, module="compare.parity", timeout_seconds=300)
    if "is not installed" in done.stderr:
        pytest.skip("torch is not installed")
    return done


def test_tf32_climbs_where_the_card_says_that_it_rounds_so(tmp_path: Path) -> None:
    """Through all rungs, of which late updates judge a launch's end too."""
    done = climbed(tmp_path, rounding=MEASURED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "14 of 14 rungs" in done.stdout


@pytest.mark.proof
def test_tf32_that_nobody_measured_fails_at_the_first_sums(tmp_path: Path) -> None:
    """As any error of its size does, on a CPU."""
    done = climbed(tmp_path)
    assert done.returncode == 1
    assert "fails at rung 4 of 14 in float32, activations" in " ".join(done.stdout.split())


@pytest.mark.proof
def test_a_wrong_gradient_fails_beside_tf32_too(tmp_path: Path) -> None:
    """Wider tolerances still tell a gradient that goes the other way."""
    done = climbed(tmp_path, rounding=MEASURED, factor=-1)
    assert done.returncode == 1
    assert "fails at rung 6 of 14" in " ".join(done.stdout.split())


def test_tolerances_widen_with_the_cards_rounding_up_to_bfloat16s() -> None:
    """And never below a CPU's; other dtypes are as they are."""
    plain = BY_DTYPE["float32"]
    for rounding in (None, 0.0, CPU_ROUNDING, float("nan")):
        assert for_rounding("float32", rounding) is plain
    wide, widest = for_rounding("float32", 10 * CPU_ROUNDING), for_rounding("float32", 1.0)
    assert 10 * plain["activations"].value < wide["activations"].value < BFLOAT16["activations"].value / 50
    assert wide["gradients"].value < 0.15
    assert widest["activations"].value == pytest.approx(BFLOAT16["activations"].value)
    assert widest["size_gradients"].value == pytest.approx(BFLOAT16["gradients"].value)
    assert widest["phases_moments"].value == pytest.approx(BFLOAT16["late_moments"].value)
    assert widest["initial_weights"].value == 0
    assert widest["late_parameters"].value == pytest.approx(plain["late_parameters"].value)
    for dtype in ("float64", "bfloat16"):
        assert for_rounding(dtype, 1.0) is BY_DTYPE[dtype]


def test_one_image_of_a_small_batch_weighs_more() -> None:
    """3.6e-2 was seen of one unit that turned in 32 images; nothing else depends on their number."""
    of_32 = tolerances("float32", batch_size=32, sizes=(8, 512))
    assert 3.6e-2 < of_32["late_moments"].value == of_32["gradients"].value < 6e-2
    assert of_32["size_moments"].value == tolerances("float32", batch_size=8)["moments"].value > 0.1
    assert of_32["activations"] == BY_DTYPE["float32"]["activations"]
    assert of_32["stress_gradients"] == BY_DTYPE["float32"]["stress_gradients"]
    assert tolerances("float32", batch_size=128) == BY_DTYPE["float32"]
    assert tolerances("float64", batch_size=1) == BY_DTYPE["float64"]
    assert tolerances("float32", batch_size=1)["gradients"].value < 2  # one that goes the other way


class Rounding:
    """A framework whose float32 keeps so many bits."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def product_and_convolution(self, *arrays: np.ndarray, device: str) -> Any:
        if arrays[0].dtype == np.float32:
            arrays = tuple(self.rounded(one) for one in arrays)
        left, right, images, kernel = arrays
        return left @ right, np.einsum("nhwc,cf->nhwf", images, kernel[0, 0])

    def rounded(self, array: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(array)
        kept: np.ndarray = np.ldexp(np.round(np.ldexp(mantissa, self.bits)), exponent - self.bits)
        return kept.astype(np.float32)


def test_rounding_is_measured_against_float64() -> None:
    """11 bits are TF32's, 24 are float32's own, 8 are bfloat16's."""
    tf32, full, bfloat16 = (float32_rounding(Rounding(bits), "cuda", LeNetSpec()) for bits in (11, 24, 8))  # type: ignore[arg-type]
    assert 1e-4 < tf32 < 1e-3 < bfloat16 < 1e-2
    assert full < 2 * CPU_ROUNDING


ON_THE_CPU = """
from compare.worker import rounding, session
from {framework}_impl.train import Trainer

session.Session.float32_rounding = lambda self: rounding.float32_rounding(self.runtime, "cpu", self.spec)
"""


@pytest.mark.parametrize("framework", ["tf", "torch"])
def test_a_cpus_rounding_is_what_tolerances_start_from(tmp_path: Path, framework: str) -> None:
    """By the frameworks' own products and convolutions, in their own layouts."""
    port = tmp_path / "port.py"
    port.write_text(ON_THE_CPU.format(framework=framework))
    with worker(tmp_path, framework) as process:
        try:
            ready = process.request(set_up(tmp_path, framework, str(port)), messages.Ready, 120)
        except WorkerRefused as refusal:
            pytest.skip(str(refusal))
    assert ready.float32_rounding is not None
    assert CPU_ROUNDING / 10 < ready.float32_rounding < 2 * CPU_ROUNDING


def test_a_worker_on_a_card_measures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many models it builds, of whatever batch size; nothing in another dtype, or on a CPU."""
    asked: list[str] = []

    def imported(framework: str) -> Rounding:
        asked.append(framework)
        return Rounding(bits=11)

    monkeypatch.setattr(session, "import_runtime", imported)
    session.card_rounding.cache_clear()

    def measured(device: str, dtype: str, batch_size: int = 1) -> float | None:
        found: Any = session.Session.__new__(session.Session)
        found.request = SimpleNamespace(framework="torch", device=device, dtype=dtype)
        found.spec = LeNetSpec(training=Training(batch_size=batch_size))
        rounding: float | None = found.float32_rounding()
        return rounding

    assert measured("cpu", "float32") is measured("cuda", "float64") is measured("cuda", "bfloat16") is None
    first = measured("cuda", "float32")
    assert first is not None
    assert first > 1e-4
    assert measured("cuda", "float32", batch_size=512) == first
    assert asked == ["torch"]
    session.card_rounding.cache_clear()
