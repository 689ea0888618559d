"""Energy comes from the machine's own counters, or there is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from compare.findings.findings import find
from compare.processes.energy import Energy, meters, since
from compare.records.results import Launch
from compare.rendering import variant_table
from tests.rendering import synthetic


def package(powercap: Path, name: str, microjoules: int) -> Path:
    """Write the kernel's files of one counter."""
    directory = powercap / name
    directory.mkdir(parents=True)
    (directory / "energy_uj").write_text(f"{microjoules}\n")
    (directory / "max_energy_range_uj").write_text("262143328850\n")
    return directory


def test_the_energy_of_all_packages_is_counted_and_of_none_twice(tmp_path: Path) -> None:
    """Two packages; the second's counter starts again. A package's parts are within it."""
    first, second = (
        package(tmp_path, "intel-rapl:0", 5_000_000),
        package(tmp_path, "intel-rapl:1", 262_143_000_000),
    )
    part = package(tmp_path, "intel-rapl:0:0", 1_000_000)
    energy = Energy(meters("cpu", tmp_path))
    (first / "energy_uj").write_text("7500000")
    (second / "energy_uj").write_text("671150")
    (part / "energy_uj").write_text("2000000")
    assert energy.joules() == pytest.approx(2.5 + 0.32885 + 0.67115)


@pytest.mark.parametrize("content", ["", "nonsense", None])
def test_a_meter_that_cannot_be_read_is_no_meter(content: str | None, tmp_path: Path) -> None:
    """One package of two is not the machine's energy."""
    package(tmp_path, "intel-rapl:0", 5)
    broken = package(tmp_path, "intel-rapl:1", 5) / "energy_uj"
    broken.unlink()
    if content is not None:
        broken.write_text(content)
    assert Energy(meters("cpu", tmp_path)).joules() is None
    assert Energy(meters("cpu", tmp_path / "absent")).joules() is None


def test_a_card_counts_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the card that the workers see; a card without the counter raises."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    counted = iter([1_000, 1_000, 4_500])
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counted) if handle == 3 else 1 / 0,
    )
    assert Energy(meters("cuda", nvml=nvml)).joules() == 3.5
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert meters("cuda", nvml=nvml) == []


def test_a_counter_that_has_started_again_is_followed() -> None:
    """Once: a block of steps is far shorter than a round of the counter."""
    assert since((90.0, 100.0), (5.0, 100.0)) == 15.0
    assert since((5.0, 100.0), (90.0, 100.0)) == 85.0


@pytest.mark.parametrize(
    ("joules", "text"), [([9.0, 2.0, 4.0], "1.50 J"), ([9.0, None, 4.0], None), ([], None)]
)
def test_the_table_has_a_column_of_energy_only_if_every_block_was_metered(
    joules: list[float | None], text: str | None
) -> None:
    """The mean of a step, without the first block, which may have compiled."""
    run = Launch(
        "tf", "eager", "cpu", "float32", 0, "tf:eager", status="ok", step_seconds=[1.0] * 6,
        block_sizes=[2, 2, 2], energy_joules=joules,
    )  # fmt: skip
    (row,) = variant_table.rows([find(synthetic.rows(run))])
    assert ("energy" in variant_table.columns([row])) == (text is not None)
    assert text is None or row.cells["energy"].text == text
