"""Defines and writes `results.json`: a run and its findings. Strict JSON, with all raw samples."""

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
READABLE_VERSIONS = (1, 2)  # version 1 has no `machines`: there, the only machine is `environment`
FILE_NAME = "results.json"

Status = Literal["ok", "failed", "diverged", "unavailable"]
Fact = bool | int | float | str | dict[str, bool | None] | None


class Launch(msgspec.Struct):
    """One launch of a variant of a framework, on a device, with a seed. Lists hold one entry per step."""

    framework: Literal["tf", "torch"]
    variant: str
    device: str
    dtype: str
    seed: int
    label: str  # `framework:variant`; `#2`: its second place in --variants; `x2`: two ranks
    status: Status = "failed"
    reason: str | None = "not started"
    losses: list[float] = []
    train_accuracies: list[float] = []  # fractions of the batch that are right
    step_seconds: list[float] = []
    warmup_steps: int = 0  # the first entries of `step_seconds`, which are not timed
    block_sizes: list[int] = []
    test_accuracy: float | None = None  # the fraction of the test images that is right
    test_loss: float | None = None
    metric: float | None = None  # of a task's own, over its test batches
    parameter_count: int | None = None
    batches_sha256: str | None = None
    shards_sha256: list[str] = []  # of a group: those of each rank's rows
    initial_weights_sha256: str | None = None
    import_seconds: float | None = None
    build_seconds: float | None = None
    first_step_seconds: float | None = None
    peak_rss_bytes: int | None = None
    rss_bytes: list[int] = []  # one entry per block
    cpu_seconds: list[float] = []  # one entry per block, for all threads
    step_cpu_seconds: list[float] = []  # one entry per step, for all threads; empty in older files
    energy_joules: list[float | None] = []  # one entry per block, for the whole device; None: no meter
    evaluated_steps: list[int] = []  # the steps that an evaluation followed, for --target-accuracy
    evaluated_accuracies: list[float] = []  # the fraction of test images that was right at each
    peak_device_bytes: int | None = None
    threads: dict[str, int] = {}
    versions: dict[str, str | None] = {}
    device_name: str | None = None
    float32_rounding: float | None = None  # measured on the card: the error of a sum's largest element
    runtime: dict[str, Fact] = {}  # other settings that were read back: tf32, deterministic, flush_denormals
    worker_environment: dict[str, str] = {}
    phase_seconds: dict[str, list[float]] = {}  # synchronized, measured apart from `step_seconds`
    unsynchronized_step_seconds: float | None = None  # the mean, with one synchronization at the end
    matmul_peak_flops: float | None = None  # of the worker's best matrix product, per second
    fence_seconds: float | None = None  # the time of a fence with nothing to wait for; every step has one

    batch_size_seconds: dict[str, list[float]] = {}  # raw step times by batch size
    foreign_cpu_seconds: list[float] = []  # per block, by other programs on its CPUs
    quota_periods: int = 0  # the periods of a CPU quota during training
    throttled_periods: int = 0  # the periods in which it had to wait for the next one
    notes: list[str] = []  # what went wrong after the result was complete
    machine: str = ""  # the key of `Results.machines`
    judged_updates: int = 0  # updates after the last step, each compared with the oracle's
    not_proved_from: int | None = None  # the first step that is known to differ from the proof
    ended: bool = False  # true if no more data will follow; `--resume` may keep such a launch

    @property
    def full_label(self) -> Label:
        """Return the label of the variant on its device. Raises ValueError if the label is not valid."""
        return Label.read(self.label).on(self.device)

    @property
    def timed_seconds(self) -> list[float]:
        """Return `step_seconds` without the warm-up."""
        return self.step_seconds[self.warmup_steps :]

    @property
    def rounded_to_tf32(self) -> list[str]:
        """Return the operations that the worker found rounded to TF32, by a test: products, convolutions."""
        computed = self.runtime.get("tf32_computed")
        return [name for name, rounded in computed.items() if rounded] if isinstance(computed, dict) else []


def file_stem(run: Launch) -> str:
    """Return the beginning of the names of a launch's own files."""
    return f"{run.full_label.stem}-seed{run.seed}"


class Comparison(msgspec.Struct):
    """A comparison of two labels. `estimate`: other ÷ baseline for times, other - baseline for accuracy."""

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
    kind: str | None = None  # the verdict's `statistics.wording.Kind`; None in older files


class SweepPoint(msgspec.Struct):
    """The step time of one label at one batch size."""

    label: str
    device: str
    batch_size: int
    step_seconds: float  # median


class Machine(msgspec.Struct):
    """A machine of some launches. If its environment and parity are None, they are those of the file."""

    threads: int  # the threads of the headline's launches
    environment: Environment | None = None
    parity: Gate | None = None


class Results(msgspec.Struct, kw_only=True):
    """The content of results.json."""

    schema_version: int = SCHEMA_VERSION
    config: Config
    environment: Environment = msgspec.field(default_factory=Environment)
    parity: Gate | None = None  # None: no climb yet
    runs: list[Launch] = []
    comparisons: list[Comparison] = []
    warnings: list[str] = []
    batch_sweep: list[SweepPoint] = []
    machines: dict[str, Machine] = {}  # by id, the machines of all launches; `environment` is the first one's
    thread_runs: list[Launch] = []  # short launches with the other counts of --threads
    input_runs: list[InputsRun] = []  # launches for --inputs
    inference_runs: list[InferenceRun] = []  # launches for --inference
    lost_nodes: list[str] = []  # of --cluster: a sentence for each group that trained again on another node


def name_machine(results: Results) -> None:
    """Set the machine's id in a run with one machine, and in each of its launches."""
    identity = results.environment.machine_id
    results.machines = {identity: Machine(results.config.threads)}
    for rows in (results.runs, results.thread_runs, results.input_runs, results.inference_runs):
        for row in rows:
            row.machine = identity


def write_results(results: Results, directory: Path) -> None:
    """Write results.json. Removes this machine's paths from the reasons of failed launches."""
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
