"""`results.json`: what a run is, what it found, and writing it. Strict JSON; raw samples kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from compare.labels import Label
from compare.records.config import Config
from compare.records.environment import Environment
from compare.records.files import write_json
from compare.records.job import InferenceRun, InputsRun
from compare.records.parity import Gate
from compare.records.privacy import without_paths

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)  # the first has no machines: they are those of its environment
FILE_NAME = "results.json"

Status = Literal["ok", "failed", "diverged", "unavailable"]
Fact = bool | int | float | str | dict[str, bool | None] | None


class Launch(msgspec.Struct):
    """One launch: a framework, a variant, a device and a seed. Lists hold one entry a step."""

    framework: Literal["tf", "torch"]
    variant: str
    device: str
    dtype: str
    seed: int
    label: str  # `framework:variant`, with `#2` for its second place in --variants
    status: Status = "failed"
    reason: str | None = "not started"
    losses: list[float] = []
    train_accuracies: list[float] = []  # fractions of the batch
    step_seconds: list[float] = []
    warmup_steps: int = 0  # the first entries of `step_seconds`, set apart
    block_sizes: list[int] = []
    test_accuracy: float | None = None  # fraction of the test images
    test_loss: float | None = None
    parameter_count: int | None = None
    batches_sha256: str | None = None
    initial_weights_sha256: str | None = None
    import_seconds: float | None = None
    build_seconds: float | None = None
    first_step_seconds: float | None = None
    peak_rss_bytes: int | None = None
    rss_bytes: list[int] = []  # one a block
    cpu_seconds: list[float] = []  # one a block, of all threads
    step_cpu_seconds: list[float] = []  # one a step, of all threads; empty in files of before
    energy_joules: list[float | None] = []  # one a block, of the whole device; None: no meter can be read
    evaluated_steps: list[int] = []  # with --target-accuracy: after which of the test images were looked at
    evaluated_accuracies: list[float] = []  # the shares of them that were right then
    peak_device_bytes: int | None = None
    threads: dict[str, int] = {}
    versions: dict[str, str | None] = {}
    device_name: str | None = None
    float32_rounding: float | None = None  # of the card, measured: the error of a sum's largest element
    runtime: dict[str, Fact] = {}  # what else was read back: tf32, deterministic, flush_denormals
    worker_environment: dict[str, str] = {}
    phase_seconds: dict[str, list[float]] = {}  # synchronized, measured apart from `step_seconds`
    unsynchronized_step_seconds: float | None = None  # mean, one synchronization at the end
    matmul_peak_flops: float | None = None  # best matrix product in the same worker, per second
    fence_seconds: float | None = None  # of a fence with nothing to wait for: every step holds one

    batch_size_seconds: dict[str, list[float]] = {}  # by batch size: step times, raw
    foreign_cpu_seconds: list[float] = []  # one a block: what others used of the CPUs that it may use
    quota_periods: int = 0  # of a CPU quota, while it trained
    throttled_periods: int = 0  # those in which it had to wait for the next one
    notes: list[str] = []  # what went wrong after the result stood
    machine: str = ""  # the key of `Results.machines`
    judged_updates: int = 0  # after the last step, each held against the oracle
    not_proved_from: int | None = None  # the first step that is known not to be as proved
    ended: bool = False  # nothing more is to come: what `--resume` may keep

    @property
    def full_label(self) -> Label:
        """Of its variant on its device. Raises ValueError if the label is none."""
        return Label.read(self.label).on(self.device)

    @property
    def timed_seconds(self) -> list[float]:
        """`step_seconds` without the warm-up."""
        return self.step_seconds[self.warmup_steps :]

    @property
    def rounded_to_tf32(self) -> list[str]:
        """What the worker found rounded to TF32 by computing it: products, convolutions."""
        computed = self.runtime.get("tf32_computed")
        return [name for name, rounded in computed.items() if rounded] if isinstance(computed, dict) else []


def file_stem(run: Launch) -> str:
    """Return what the names of a launch's own files begin with."""
    return f"{run.full_label.stem}-seed{run.seed}"


class Comparison(msgspec.Struct):
    """Two labels, one metric, one device. `estimate`: other ÷ baseline of times, else other - baseline."""

    metric: Literal["step_seconds", "test_accuracy"]
    device: str
    baseline: str
    other: str
    launches: int
    estimate: float | None
    low: float | None
    high: float | None
    verdict: str
    sentence: str
    more_launches: int | None = None
    kind: str | None = None  # of the verdict: `statistics.wording.Kind`; files of before have none


class SweepPoint(msgspec.Struct):
    """The step time of one label at one batch size."""

    label: str
    device: str
    batch_size: int
    step_seconds: float  # median


class Machine(msgspec.Struct):
    """A machine that launches ran on. Its environment and parity are the file's own if they are None."""

    threads: int  # of the headline's launches
    environment: Environment | None = None
    parity: Gate | None = None


class Results(msgspec.Struct, kw_only=True):
    """What results.json holds."""

    schema_version: int = SCHEMA_VERSION
    config: Config
    environment: Environment = msgspec.field(default_factory=Environment)
    parity: Gate | None = None  # None: not climbed yet
    runs: list[Launch] = []
    comparisons: list[Comparison] = []
    warnings: list[str] = []
    batch_sweep: list[SweepPoint] = []
    machines: dict[str, Machine] = {}  # by id: those that launches ran on, `environment` being the first's
    thread_runs: list[Launch] = []  # short launches at the other counts of --threads
    input_runs: list[InputsRun] = []  # of --inputs
    inference_runs: list[InferenceRun] = []  # of --inference


def name_machine(results: Results) -> None:
    """Give a run's only machine, and each of its launches, the machine's id."""
    identity = results.environment.machine_id
    results.machines = {identity: Machine(results.config.threads)}
    for rows in (results.runs, results.thread_runs, results.input_runs, results.inference_runs):
        for row in rows:
            row.machine = identity


def write_results(results: Results, directory: Path) -> None:
    """Write results.json, without the places of this machine that a reason may name."""
    if len(results.machines) < 2:
        name_machine(results)
    for run in results.runs + results.thread_runs:
        run.reason, run.notes = without_paths(run.reason), without_paths(run.notes)
    for fed in results.input_runs:
        fed.reason = without_paths(fed.reason)
    for answered in results.inference_runs:
        answered.reason = without_paths(answered.reason)
    if results.parity is not None:
        results.parity = msgspec.convert(without_paths(msgspec.to_builtins(results.parity)), Gate)
    write_json(directory / FILE_NAME, results)
