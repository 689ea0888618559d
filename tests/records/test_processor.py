"""A processor is named by what the system tells of it, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from compare.records import processor
from compare.records.processor import identifies, name_in, processor_name

ARM = "processor\t: 0\nCPU implementer\t: {0}\nCPU architecture: 8\nCPU part\t: {1}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("processor : 0\nmodel name\t: AMD EPYC 7763 64-Core Processor\n", "AMD EPYC 7763 64-Core Processor"),
        (ARM.format("0x41", "0xd0c"), "Arm Neoverse-N1"),
        (ARM.format("0x41", "0xfff"), "Arm part 0xfff"),
        (ARM.format("0x99", "0x001"), "implementer 0x99 part 0x001"),
        (ARM.format("0x41", "0xd03") + ARM.format("0x41", "0xd08"), "Arm Cortex-A53 + Arm Cortex-A72"),
        ("model name : ARMv8 Processor rev 1 (v8l)\n" + ARM.format("0x41", "0xd08"), "Arm Cortex-A72"),
        ("processor : 0\ncpu : POWER9 (architected)\n", "POWER9 (architected)"),
        ("processor : 0\nhart : 1\nuarch : sifive,u74-mc\n", "sifive,u74-mc"),
        ("processor : 0\nmodel name :\n", None),
        ("", None),
    ],
)
def test_each_kind_of_list_gives_its_name(cpuinfo: str, name: str | None) -> None:
    """Of x86, ARM, POWER and RISC-V, with and without a name of the maker's."""
    assert name_in(cpuinfo) == name


@pytest.mark.parametrize("text", [None, "nonsense", ARM.format("x", "y"), "\xff"])
def test_what_is_not_told_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """The architecture is no name: it would be shared by machines of every make."""
    if text is not None:
        (tmp_path / "cpuinfo").write_bytes(text.encode("latin-1"))
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor, "name_on_macos", lambda: "")
    assert processor_name() is None


@pytest.mark.parametrize(
    "name",
    [
        None, "", "aarch64", "arm", "x86_64", "i686", "unknown", "AMD EPYC", "Intel(R) Xeon(R) CPU @ 2.20GHz",
        "Intel Xeon Processor (Skylake, IBRS)", "QEMU Virtual CPU version 2.5+", "Common KVM processor",
    ],
)  # fmt: skip
def test_a_generic_name_identifies_nothing(name: str | None) -> None:
    """Two machines that both have it need not have one processor."""
    assert not identifies(name)


@pytest.mark.parametrize(
    "name", ["AMD EPYC 7763 64-Core Processor", "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "Apple M1",
             "Arm Neoverse-N1", "Arm part 0xfff", "POWER9 (architected)"],
)  # fmt: skip
def test_a_model_number_identifies(name: str) -> None:
    """So two runs may be said to share it."""
    assert identifies(name)
