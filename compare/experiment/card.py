"""Reads the card's state through NVML, as nvidia-smi does, in the parent before, during and after a run.

An unknown fact is None, never 0. If there are no facts at all, `absent` says why.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from compare.observation import observe
from compare.processes.nvml import handle_of, opened
from compare.records.environment import Card, CardMoment, CardSample, Environment

# NVML's bits for the reasons of a reduced clock (nvml.h, nvmlClocksEventReasons).
SLOWED_BY = {
    0x04: "the power limit",
    0x08: "a hardware slowdown",
    0x20: "heat (software)",
    0x40: "heat (hardware)",
    0x80: "the power brake",
}
IDLE = 0x01  # another bit of NVML: the clock is low because nothing runs
SAMPLE_SECONDS = 1.0
NVML_NOT_INSTALLED = "nvidia-ml-py is not installed: pip install nvidia-ml-py"


class CardWatch:
    """Collects facts about the card of a run on CUDA into `record`, which results.json keeps.

    Workers see one card, the first of CUDA_VISIBLE_DEVICES, in nvidia-smi's order (processes/environment.py).
    nvml: the module `pynvml`, or a substitute in tests.
    """

    def __init__(self, visible: str, nvml: Any = None) -> None:
        self.record = Card()
        self.nvml: Any = None
        self.handle: Any = None
        try:
            self.nvml = opened(nvml)
            self.handle = handle_of(self.nvml, visible)
            self.record.before = self.snapshot()
        except ImportError:
            self.record.absent = NVML_NOT_INSTALLED
        except Exception as error:  # noqa: BLE001  (an old library lacks functions, a sandbox hides devices)
            self.record.absent = f"NVML says: {error}"

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample every SAMPLE_SECONDS while the workers train: between their blocks the card is idle."""
        done = threading.Event()

        def sample_until_done() -> None:
            while not done.wait(SAMPLE_SECONDS):
                self.sample()

        thread = threading.Thread(target=sample_until_done, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def sample(self) -> None:
        """Record clocks, temperature and power."""
        if self.handle is not None:
            self.record.samples.append(CardSample(**self.clocks()))

    def finish(self) -> None:
        """Record the same facts as before the run, after all workers have ended."""
        if self.handle is not None:
            self.record.after = self.snapshot()

    def snapshot(self) -> CardMoment:
        nvml, handle = self.nvml, self.handle
        memory = observe(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        processes = observe(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
        limit = observe(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
        return CardMoment(
            name=observe(lambda: nvml.nvmlDeviceGetName(handle)),
            driver=observe(nvml.nvmlSystemGetDriverVersion),
            memory_bytes=None if memory is None else int(memory.total),
            memory_used_bytes=None if memory is None else int(memory.used),
            other_processes=None if processes is None else len(processes),
            utilization_percent=observe(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
            power_limit_watts=None if limit is None else limit / 1000,
            max_sm_mhz=observe(lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)),
            slowed_seconds={
                "power": self.slowed_seconds("NVML_PERF_POLICY_POWER"),
                "heat": self.slowed_seconds("NVML_PERF_POLICY_THERMAL"),
            },
            **self.clocks(),
        )

    def clocks(self) -> dict[str, Any]:
        """Return the fields of CardSample."""
        nvml, handle = self.nvml, self.handle
        bits = observe(lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
        power = observe(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        return {
            "sm_mhz": observe(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            "memory_mhz": observe(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            "celsius": observe(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            "power_watts": None if power is None else power / 1000,
            "slowed_by": None if bits is None else slowed_by(bits),
        }

    def slowed_seconds(self, policy: str) -> float | None:
        """Return the seconds that the driver has counted since it was loaded. NVML returns nanoseconds."""
        nvml, handle = self.nvml, self.handle
        count = observe(lambda: nvml.nvmlDeviceGetViolationStatus(handle, getattr(nvml, policy)))
        return None if count is None else count.violationTime / 1e9


def slowed_by(bits: int) -> list[str]:
    """Return the reasons for a reduced clock, in words; no reason if the card is idle."""
    return [] if bits & IDLE else [why for bit, why in SLOWED_BY.items() if bits & bit]


def watch(devices: tuple[str, ...], environ: Mapping[str, str]) -> CardWatch | None:
    """Return a CardWatch, or None if the run uses no card."""
    if "cuda" not in devices:
        return None
    return CardWatch(environ.get("CUDA_VISIBLE_DEVICES", "0"))


def cards(environ: Mapping[str, str], nvml: Any = None) -> int:
    """Return how many cards the user leaves visible; 0 where nobody can tell."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return sum(name.strip() not in ("", "-1") for name in visible.split(","))
    return observe(lambda: int(opened(nvml).nvmlDeviceGetCount())) or 0


@contextlib.contextmanager
def watched(card: CardWatch | None, environment: Environment) -> Iterator[None]:
    """Watch the run's card, if it has one, while workers train within the block; keep the facts."""
    if card is None:
        yield
        return
    environment.card = card.record
    with card.sampling():
        yield
    card.finish()
