"""Finds the processor's name: its maker's name for it, or its implementer and part; None if unknown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from compare.observation import observe

CPUINFO = Path("/proc/cpuinfo")
NAMES = ("model name", "Model Name", "cpu model", "uarch", "cpu")  # x86, LoongArch, MIPS, RISC-V, POWER

# The kernel lists no names of ARM processors, only numbers (MIDR_EL1 in Arm's manuals).
IMPLEMENTERS = {
    0x41: "Arm", 0x42: "Broadcom", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA",
    0x50: "APM", 0x51: "Qualcomm", 0x53: "Samsung", 0x56: "Marvell", 0x61: "Apple", 0xC0: "Ampere",
}  # fmt: skip
PARTS = {
    (0x41, 0xD03): "Cortex-A53", (0x41, 0xD05): "Cortex-A55", (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72", (0x41, 0xD0B): "Cortex-A76", (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1", (0x41, 0xD49): "Neoverse-N2", (0x41, 0xD4F): "Neoverse-V2",
    (0xC0, 0xAC3): "Ampere-1", (0xC0, 0xAC4): "Ampere-1a",
}  # fmt: skip

# Names that a virtual machine reports instead of the processor's own, and names of a whole family.
VIRTUAL = re.compile(r"virtual|qemu|kvm|^(arm|aarch64|x86_64|amd64|i\d86|riscv64|unknown)\w*$", re.IGNORECASE)
CLOCK = re.compile(r"@.*")


def processor_name() -> str | None:
    """Return the processor's name; None if the system provides none, or only the architecture."""
    return observe(lambda: name_in(CPUINFO.read_text())) or observe(name_on_macos) or None


def name_in(cpuinfo: str) -> str | None:
    """Read the name from the kernel's list of CPUs. Joins several kinds of core with `+`."""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    fields = [(name.strip(), value.strip()) for name, _, value in lines]
    if cores := list(dict.fromkeys(cores_of_arm(fields))):
        return " + ".join(cores)
    return next((value for name in NAMES for key, value in fields if key == name and value), None)


def cores_of_arm(fields: list[tuple[str, str]]) -> Iterator[str]:
    implementer = 0
    for name, value in fields:
        if name == "CPU implementer":
            implementer = int(value, 16)
        elif name == "CPU part":
            maker = IMPLEMENTERS.get(implementer, f"implementer {implementer:#x}")
            yield f"{maker} {PARTS.get((implementer, int(value, 16)), f'part {value}')}"


def name_on_macos() -> str:
    """Return the processor's name on macOS. Raises an exception on another system: call it with `observe`."""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()


def identifies(name: str | None) -> bool:
    """Return whether a name identifies a real processor: it has a model number, and is not virtual."""
    if name is None or VIRTUAL.search(name):
        return False
    return any(letter.isdigit() for letter in CLOCK.sub("", name))
